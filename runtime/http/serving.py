"""The one way in which our processes serve HTTP: uvicorn, with bounds on what a client may take by doing nothing.

Which clients are answered is `runtime.http.trust`'s matter.
"""

import socket
from math import ceil
from typing import Literal

from starlette.types import ASGIApp

from runtime.http.connections import Doors, GuardedConfig, GuardedH11, GuardedHttpTools, Limits

BACKLOG = 1024
_PARSERS = {"httptools": GuardedHttpTools, "h11": GuardedH11}


def configure(
    app: ASGIApp,
    limits: Limits,
    *,
    parser: Literal["httptools", "h11"] = "httptools",
    lifespan: Literal["on", "off"] = "off",
    behind_proxy: bool = False,
) -> GuardedConfig:
    """The configuration for a `uvicorn.Server`, whose sockets are `listen`'s; use it for one server only.

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
    config.doors = Doors(limits)
    return config


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on: who comes early waits until the server runs. Raises OSError."""
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
