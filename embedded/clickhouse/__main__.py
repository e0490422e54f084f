"""Runs the gateway: `python -m embedded.clickhouse --host 127.0.0.1 --port 8123 --path DIR` until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from embedded.clickhouse.access import SETTING, SOURCES
from embedded.clickhouse.engine import Engine, FolderInUse
from embedded.clickhouse.gateway import Gateway

_MAX_HEAD_BYTES = 1 << 20  # as ClickHouse's http_max_uri_size
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Server(uvicorn.Server):
    """Uvicorn without its signal handling, which would end the process by the signal before the engine is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; 1 and one line on stderr when the port or the folder is taken."""
    options = _parser().parse_args(arguments)
    try:
        with _listener(options.host, options.port) as listener:
            password = _password(options.password_file)
            engine = Engine(options.path, options.allow)
            try:
                port = options.port if options.host in _LOOPBACK else None
                gateway = Gateway(engine, password=password, port=port, allowed=options.allow)
                asyncio.run(_serve(gateway, listener))
            finally:
                engine.close()
    except (OSError, ValueError, FolderInUse) as failure:
        print(f"clickhouse: {failure}", file=sys.stderr)
        return 1
    return 0


async def _serve(gateway: Gateway, listener: socket.socket) -> None:
    config = uvicorn.Config(
        gateway,
        lifespan="off",
        http="h11",  # httptools ends at 64 KiB of URL, which query parameters may exceed
        h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await asyncio.gather(serving, gateway.drain())
    await asyncio.to_thread(gateway.close)
    stop.cancel()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as failure:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port}: {failure.strerror}") from failure
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m embedded.clickhouse", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8123, help="port to listen on (default: %(default)s)")
    parser.add_argument("--path", type=Path, required=True, help="data folder; made when missing")
    parser.add_argument(
        "--password-file",
        type=Path,
        help="holds what is asked of every query, whatever the user's name; readable by its owner only",
    )
    parser.add_argument(
        "--allow",
        type=_sources,
        default=(),
        metavar="SOURCE,...",
        help=f"what statements may reach outside of the database: {', '.join(SOURCES)} (default: nothing)",
    )
    return parser


def _sources(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    for name in names:
        if name not in SOURCES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SOURCES)} ({SETTING})")
    return names


def _password(path: Path | None) -> str:
    """No file, no password. A file without one, or one that others read, is a mistake: ValueError."""
    if path is None:
        return ""
    password = path.read_text(encoding="utf-8").strip()
    if not password:
        raise ValueError(f"the password file {path} is empty")
    if path.stat().st_mode & 0o077:
        raise ValueError(f"the password file {path} can be read by others: chmod 600 {path}")
    return password


if __name__ == "__main__":
    sys.exit(main())
