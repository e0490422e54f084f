"""The one way in which our processes serve HTTP: uvicorn, with bounds on what a client may take by doing nothing.

Which clients are answered is `runtime.http.trust`'s matter.
"""

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from math import ceil
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from runtime import logs
from runtime.errors import TerminalError
from runtime.http.connections import ConnectionLimiter, Limits
from runtime.http.protocols import GuardedConfig, GuardedH11, GuardedHttpTools

BACKLOG = 1024
_PARSERS = {"httptools": GuardedHttpTools, "h11": GuardedH11}

logger = logging.getLogger(__name__)


class PortTaken(TerminalError):
    """The address to listen on is in use or not ours; the message says which."""


class ApplicationGaveUp(TerminalError):
    """Nothing but a new process can help: Kafka's client has fenced itself off, for example."""


def serve(
    build: Callable[[Callable[[], None]], ASGIApp], host: str, port: int, limits: Limits, *, port_variable: str
) -> None:
    """Serve an application until SIGTERM or SIGINT, or until it gives up; then finish the requests under way.

    `build` makes the application; it gets the function to call when nothing but a new process can help. Raises
    PortTaken, where `port_variable` names the setting that chooses another, and ApplicationGaveUp.
    """
    has_given_up = threading.Event()

    def give_up() -> None:
        has_given_up.set()
        server.should_exit = True

    server = uvicorn.Server(configure(build(give_up), limits, lifespan="on", behind_proxy=True))
    try:
        listener = listen(host, port)
    except OSError as error:
        reason = f"{error.strerror} ({port_variable} chooses another)"
        raise PortTaken(f"cannot listen on {host}:{port}: {reason}") from None
    with listener:
        name, number = listener.getsockname()[:2]
        logger.info("listening on http://%s:%d", name, number)
        server.run(sockets=[listener])
    if has_given_up.is_set():
        raise ApplicationGaveUp("it cannot go on, the log says why; start it again")


def run_server(name: str, serving: Callable[[], None], mendable: tuple[type[Exception], ...]) -> int:
    """Serve as a process until SIGTERM or SIGINT; return 0 after an orderly end.

    Returns 1, with one line on stderr, for what a person can mend: a port that is taken, or an error of these types.
    """
    logs.configure()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it has ended in good order: that is success.
        signal.signal(signal_number, lambda *_: sys.exit(0))
    foreseen: tuple[type[Exception], ...] = (ApplicationGaveUp, PortTaken, *mendable)
    try:
        serving()
    except foreseen as error:
        # In one piece, which `print` does not do: threads that have started may log.
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0


def configure(
    app: ASGIApp,
    limits: Limits,
    *,
    parser: Literal["httptools", "h11"] = "httptools",
    lifespan: Literal["on", "off"] = "off",
    behind_proxy: bool = False,
) -> GuardedConfig:
    """Return the configuration for a `uvicorn.Server`, whose sockets are `listen`'s; use it for one server only.

    `behind_proxy`: take the client's address from the headers of a proxy on this machine. Nothing but errors is logged:
    a line for each bad request would let a stranger fill the disk.
    """
    config = GuardedConfig(
        app,
        http=_PARSERS[parser],
        ws="none",
        lifespan=lifespan,
        h11_max_incomplete_event_size=limits.head_bytes,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=behind_proxy,
        backlog=BACKLOG,
        timeout_keep_alive=ceil(limits.idle_timeout_s),
        timeout_graceful_shutdown=limits.finish_s,
    )
    config.limiter = ConnectionLimiter(limits)
    return config


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections from now on, which wait until the server runs. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
