"""The steps by which a stack starts: processes with their readiness, and what is set up between them."""

import http.client
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from runtime.loopback import LOOPBACK

READINESS_TIMEOUT_S = 2.0


class Readiness(Protocol):
    """Called every few hundredths of a second while a process starts."""

    def __call__(self) -> bool:
        """Return whether the process serves now. Returns within READINESS_TIMEOUT_S and raises nothing."""


def _nothing() -> None:
    """For processes that need no preparation."""


class ProcessSpec(msgspec.Struct, frozen=True):
    """How to start a process of the stack, and how to see that it serves. `after`: steps to be done before.

    `yields`: where the processors are full, others go before it.
    """

    name: str
    title: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: Readiness
    after: tuple[str, ...] = ()
    prepare: Callable[[], None] = _nothing
    start_within_s: float = 60.0
    stop_within_s: float = 3.0
    restarts: bool = False
    yields: bool = False


class Setup(msgspec.Struct, frozen=True):
    """Work done once between the starts of processes, such as creating topics. `run` raises StackError."""

    name: str
    title: str
    run: Callable[[], None]
    after: tuple[str, ...] = ()


StackStep = ProcessSpec | Setup


def http_ready(port: int, path: str) -> Readiness:
    """Return a check that is ready when `GET path` answers 200."""

    def ready() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=READINESS_TIMEOUT_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ready


def accepts_connections(port: int) -> bool:
    """Return whether somebody listens on a loopback port; cheaper than a client that would wait and complain."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=READINESS_TIMEOUT_S):
            return True
    except OSError:
        return False
