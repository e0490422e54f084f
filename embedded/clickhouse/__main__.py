"""Runs the gateway: `python -m embedded.clickhouse --host 127.0.0.1 --port 8123 --path DIR` until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from embedded.clickhouse.access import SOURCES, check
from embedded.clickhouse.sandbox import confine
from runtime import logs
from runtime.files import read_private
from runtime.http.connections import Limits
from runtime.http.serving import configure
from runtime.loopback import LOOPBACK, LOOPBACK_NAMES

if TYPE_CHECKING:
    from embedded.clickhouse.gateway import Gateway

_MAX_HEAD_BYTES = 1 << 20  # as ClickHouse's http_max_uri_size
_LIMITS = Limits(connections=512, head_bytes=_MAX_HEAD_BYTES, finish_s=2)


class _Server(uvicorn.Server):
    """Uvicorn without its signal handling, which would end the process by the signal before the engine is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 1 and one line on stderr when the port or the folder is taken."""
    options = _parser().parse_args(arguments)
    logs.configure(logging.WARNING)
    try:
        opened = check(name for name in options.allow.split(",") if name)
        password = read_private(options.password_file) if options.password_file else ""
        with _listener(options.host, options.port) as listener:
            _confine(options.path, opened)
            _run(listener, options, opened, password)
    except (OSError, ValueError) as failure:
        sys.stderr.write(f"clickhouse: {failure}\n")
        return 1
    return 0


def _confine(folder: Path, opened: Collection[str]) -> None:
    """Before the engine is imported, whose threads would else be outside. Not where commands are allowed."""
    temporary = folder.resolve() / "tmp-gateway"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700, parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    if "executable" not in opened:
        reaches_files = {"file", "disk", "sqlite"} & set(opened)
        confine(folder.resolve(), files=not reaches_files, network=not set(opened) - {"file", "disk", "sqlite"})


def _run(listener: socket.socket, options: argparse.Namespace, opened: Collection[str], password: str) -> None:
    from embedded.clickhouse.engine import Engine
    from embedded.clickhouse.gateway import Gateway

    engine = Engine(options.path, opened)
    try:
        gateway = Gateway(engine, password=password, local=options.host in LOOPBACK_NAMES)
        asyncio.run(_serve(gateway, listener))
    finally:
        engine.close()


async def _serve(gateway: "Gateway", listener: socket.socket) -> None:
    # httptools ends at 64 KiB of URL, which query parameters may exceed.
    server = _Server(configure(gateway, _LIMITS, parser="h11"))
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
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8123, help="port to listen on (default: %(default)s)")
    parser.add_argument("--path", type=Path, required=True, help="data folder; made when missing")
    parser.add_argument(
        "--password-file",
        type=Path,
        help="file with the password that every query must carry, readable by its owner alone; any user's name will do",
    )
    parser.add_argument(
        "--allow",
        default="",
        metavar="NAMES",
        help=f"sources outside of the tables that SQL may use, separated by commas: {', '.join(sorted(SOURCES))}",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
