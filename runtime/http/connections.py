"""Which connections of a server stay: how many there are, and how long each may wait for its client.

Uvicorn bounds neither: it waits for ever for a request's head, for a client that sends nothing, and for one that does
not read its answer. What a connection waits for is left to `protocols`; bodies, how fast they must arrive and how large
they may be, to their readers.
"""

import asyncio
import enum
import ipaddress
import resource
import sys
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from runtime.http.answers import whole_answer

_SLOWEST_LOOK_S = 1.0
_REFUSED_AT_ONCE = 64
_REFUSED_FOR_S = 1.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the clients of one server may take.

    `head_timeout_s`: from the first byte of a request's head to its last. `idle_timeout_s`: for a connection without a
    request, fresh or kept alive, and for the rest of a body that is answered already. `unread_timeout_s`: for a client
    that takes nothing of its answer. `finish_s`: for requests under way once the server is to stop. `head_bytes`: of
    one head.

    `connections`: of all clients, and at most half of the files that the process may open. `connections_per_address`: 0
    is no limit, for a server behind a proxy; an IPv6 client counts by its /64. Beyond these numbers the connection that
    has waited longest for its client makes room for the new one; where none waits, the new one is answered with 503.
    """

    head_timeout_s: float = 10.0
    idle_timeout_s: float = 30.0
    unread_timeout_s: float = 30.0
    connections: int = 1024
    connections_per_address: int = 256
    head_bytes: int = 64 * 1024
    finish_s: int = 3


class Phase(enum.Enum):
    """What a connection waits for."""

    IDLE = "a request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    ANSWER = "our answer"
    UNREAD = "the client to read"
    REST = "the rest of a body that is answered already"
    CLOSING = "the client to read the last answer"


class GuardedConnection(Protocol):
    """A connection as `ConnectionLimiter` sees it."""

    transport: asyncio.Transport

    def phase(self) -> Phase:
        """Return what it waits for now."""

    def progress(self) -> tuple[object, ...]:
        """Return what every request changes, and the client by reading a good part of what was to be sent."""

    def rank(self) -> int | None:
        """Return how little it is missed when another needs room: 0 least, None when it waits for us."""

    def end(self, phase: Phase) -> None:
        """Close it: the time for this phase is over."""


class _Watched:
    """A connection as it was when it was last looked at; `since` is when that began, on the loop's clock."""

    def __init__(self, address: str, mark: tuple[object, ...], since: float) -> None:
        self.address = address
        self.mark = mark
        self.since = since


class ConnectionLimiter:
    """Lets connections in, looks at all of them about once a second, and closes those whose time is over."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._connections = min(limits.connections, _open_files() // 2)
        self._timeouts = {
            Phase.IDLE: limits.idle_timeout_s,
            Phase.HEAD: limits.head_timeout_s,
            Phase.UNREAD: limits.unread_timeout_s,
            Phase.REST: limits.idle_timeout_s,
            Phase.CLOSING: limits.unread_timeout_s,
        }
        self._look_every_s = min(_SLOWEST_LOOK_S, *(timeout_s / 4 for timeout_s in self._timeouts.values()))
        self._watched: dict[GuardedConnection, _Watched] = {}
        self._by_address: dict[str, dict[GuardedConnection, None]] = {}
        self._refused = 0
        self._looking = False

    def accept(self, connection: GuardedConnection, transport: asyncio.Transport) -> bool:
        """Return whether the connection may stay; if not, it is answered with 503."""
        address = _network(transport.get_extra_info("peername"))
        neighbours = self._by_address.get(address, {})
        most = self.limits.connections_per_address
        if (most and len(neighbours) >= most and not self._make_room(neighbours)) or (
            len(self._watched) >= self._connections and not self._make_room(self._watched)
        ):
            self._refuse(transport)
            return False
        loop = asyncio.get_running_loop()
        self._watched[connection] = _Watched(address, (), loop.time())
        self._by_address.setdefault(address, {})[connection] = None
        if not self._looking:
            self._looking = True
            loop.call_later(self._look_every_s, self._look, loop)
        return True

    def leave(self, connection: GuardedConnection) -> None:
        """Forget a connection that is lost."""
        watched = self._watched.pop(connection, None)
        if watched is not None:
            neighbours = self._by_address[watched.address]
            del neighbours[connection]
            if not neighbours:
                del self._by_address[watched.address]

    def _make_room(self, connections: Iterable[GuardedConnection]) -> bool:
        """Drop the connection that is missed least. They come in the order in which they were opened."""
        waiting: dict[int, GuardedConnection] = {}
        for connection in connections:
            rank = connection.rank()
            if rank is not None:
                waiting.setdefault(rank, connection)
                if rank == 0:
                    break
        if not waiting:
            return False
        dropped = waiting[min(waiting)]
        self.leave(dropped)
        dropped.transport.abort()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection, watched in list(self._watched.items()):
            phase = connection.phase()
            mark = (phase, *connection.progress())
            if not watched.mark and phase is Phase.IDLE:
                watched.mark = mark  # since it was opened
            elif mark != watched.mark:
                watched.mark, watched.since = mark, now
            if phase in self._timeouts and now - watched.since >= self._timeouts[phase]:
                connection.end(phase)
        self._looking = bool(self._watched)
        if self._looking:
            loop.call_later(self._look_every_s, self._look, loop)

    def _refuse(self, transport: asyncio.Transport) -> None:
        self._refused += 1
        transport.set_protocol(_RefusedConnection(self))
        if self._refused > _REFUSED_AT_ONCE:
            transport.abort()
            return
        transport.write(whole_answer(503, "overloaded", "too many connections are open: come again later"))
        transport.write_eof()
        # Closed only now: what the client sends meanwhile would turn an earlier end into a reset that eats the answer.
        asyncio.get_running_loop().call_later(_REFUSED_FOR_S, transport.abort)

    def forget_refused(self) -> None:
        """Note that one of those refused is gone."""
        self._refused -= 1


class _RefusedConnection(asyncio.Protocol):
    """Takes no notice of what a refused client sends."""

    def __init__(self, limiter: ConnectionLimiter) -> None:
        self._limiter = limiter

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._limiter.forget_refused()


def _open_files() -> int:
    """Return how many files the process may open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if most == resource.RLIM_INFINITY else most


def _network(peer: Any) -> str:
    """For whom a connection counts; an IPv6 client has as many addresses as it likes, but within one /64."""
    if not isinstance(peer, tuple):
        return ""  # a Unix socket
    address = ipaddress.ip_address(peer[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
