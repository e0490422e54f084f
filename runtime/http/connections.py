"""The connections of one HTTP server: how many there are, and how long a client may keep one waiting.

Uvicorn bounds neither: it waits for ever for a request's head, for a client that sends nothing, and for one that does
not read its answer. Bodies are their readers' matter: how fast they must arrive and how large they may be.
"""

import asyncio
import enum
import ipaddress
import json
import resource
import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import h11
import msgspec
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

MAX_HEADERS = 100
MAX_PIPELINED = 16  # requests behind the one under way: each costs some 3 KB before anybody has read it
RETRY_AFTER_S = 2

_END_OF_HEAD = b"\r\n\r\n"
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


# How little a connection is missed; an idle one that never sent a request least of all.
_RANKS = {Phase.CLOSING: 0, Phase.HEAD: 1, Phase.IDLE: 2, Phase.REST: 3, Phase.UNREAD: 4, Phase.BODY: 5}


class _HeadRefused(Exception):
    """Raised within a parser: it stops, and what is answered has been noted on the connection."""


class _Watched:
    """A connection as it was when it was last looked at; `since` is when that began, on the loop's clock."""

    def __init__(self, address: str, mark: tuple[object, ...], since: float) -> None:
        self.address = address
        self.mark = mark
        self.since = since


class Doors:
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
        self._watched: dict[Guarded, _Watched] = {}
        self._by_address: dict[str, dict[Guarded, None]] = {}
        self._refused = 0
        self._looking = False

    def admit(self, connection: "Guarded", transport: asyncio.Transport) -> bool:
        """Whether the connection may stay; if not, it is answered with 503."""
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

    def leave(self, connection: "Guarded") -> None:
        """Forget a connection that is lost."""
        watched = self._watched.pop(connection, None)
        if watched is not None:
            neighbours = self._by_address[watched.address]
            del neighbours[connection]
            if not neighbours:
                del self._by_address[watched.address]

    def _make_room(self, connections: Iterable["Guarded"]) -> bool:
        """Drop the connection that is missed least. They come in the order in which they were opened."""
        waiting: dict[int, Guarded] = {}
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
        transport.set_protocol(_Refused(self))
        if self._refused > _REFUSED_AT_ONCE:
            transport.abort()
            return
        transport.write(_answer(503, "overloaded", "too many connections are open: come again later"))
        transport.write_eof()
        # Closed only now: what the client sends meanwhile would turn an earlier end into a reset that eats the answer.
        asyncio.get_running_loop().call_later(_REFUSED_FOR_S, transport.abort)

    def forget_refused(self) -> None:
        """One of those refused is gone."""
        self._refused -= 1


class _Refused(asyncio.Protocol):
    """Takes no notice of what a refused client sends."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._doors.forget_refused()


class GuardedConfig(Config):
    """Uvicorn's configuration, with the doors through which its server's connections come."""

    doors: Doors


class Guarded(asyncio.Protocol):
    """What the two protocols below share, before uvicorn's own class in the order of resolution.

    Of uvicorn's classes it uses `transport`, `flow.write_paused`, `cycle` with `response_started` and
    `response_complete`, and `send_400_response`: no underscore among them, and no promise either.
    `tests/runtime/http/test_serving.py` notices when one of them changes.
    """

    transport: asyncio.Transport
    flow: Any
    cycle: Any

    def __init__(
        self,
        config: GuardedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)  # type: ignore[call-arg]
        self.doors = config.doors
        self.limits = config.doors.limits
        self._drained = 0
        self._refusal = (400, "invalid_request", "this is no HTTP request")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Stay, or be answered with 503; then uvicorn never hears of the connection."""
        if self.doors.admit(self, transport):
            super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for another."""
        self.doors.leave(self)
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Count what the client reads, so that a slow reader is told from one that does not read."""
        self._drained += 1
        super().resume_writing()

    def phase(self) -> Phase:
        """What the connection waits for."""
        if self.transport.is_closing():
            return Phase.CLOSING
        if self.flow.write_paused:
            return Phase.UNREAD
        awaited = self.awaited()
        if self.cycle is not None and not self.cycle.response_complete:
            return Phase.BODY if awaited is Phase.BODY else Phase.ANSWER
        return Phase.REST if awaited is Phase.BODY else awaited

    def awaited(self) -> Phase:
        """What the parser waits for: IDLE, HEAD or BODY."""
        raise NotImplementedError

    def progress(self) -> tuple[object, ...]:
        """Changes with every request and whenever the client has read a good part of what was to be sent."""
        return (self.cycle, self._drained)

    def rank(self) -> int | None:
        """How little the connection is missed when another needs its place: 0 least, None when it waits for us."""
        phase = self.phase()
        return 0 if phase is Phase.IDLE and self.cycle is None else _RANKS.get(phase)

    def end(self, phase: Phase) -> None:
        """Close: the time for this phase is over."""
        if phase in (Phase.CLOSING, Phase.UNREAD):
            self.transport.abort()
        elif phase is Phase.HEAD:
            self.refuse(408, "timeout", f"the head of the request was not sent within {self.limits.head_timeout_s:g} s")
        else:
            self.transport.close()

    def refuse(self, status: int, code: str, message: str) -> None:
        """Answer what is no request, and close."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # whoever pipelines would take the refusal for a part of the answer under way
        elif not self.transport.is_closing():
            self.transport.write(_answer(status, code, message))
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Called by uvicorn when its parser gives up."""
        self.refuse(*self._refusal)


class GuardedHttpTools(Guarded, HttpToolsProtocol):
    """Uvicorn's protocol on httptools, which itself bounds neither heads nor trailers nor how much is pipelined.

    Overrides the callbacks of httptools' documented parser interface, and reads `headers` and `pipeline` of uvicorn's.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._part = Phase.IDLE
        self._began = False  # a head or a body, within these data
        self._data_bytes = 0
        self._body_bytes = 0  # of these data
        self._unfinished_bytes = 0  # of a head, or between the parts of a body (trailers, extensions of chunks)

    def awaited(self) -> Phase:
        return self._part

    def data_received(self, data: bytes) -> None:
        self._data_bytes = len(data)
        self._body_bytes = 0
        super().data_received(data)
        if self._part is Phase.IDLE or (self._part is Phase.BODY and self._body_bytes):
            self._began = False
            self._unfinished_bytes = 0
            return
        if self._began:
            self._began = False
            before = max(data.rfind(_END_OF_HEAD) + len(_END_OF_HEAD), self._body_bytes)
            self._unfinished_bytes = len(data) - before
        else:
            self._unfinished_bytes += len(data)
        if self._unfinished_bytes > self.limits.head_bytes:
            self.refuse(*_too_large(self.limits.head_bytes))

    def on_message_begin(self) -> None:
        self._part = Phase.HEAD
        self._began = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._part is not Phase.HEAD:
            return  # a trailer: uvicorn would add it to the headers after they were checked
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._refuse_head(_too_many())

    def on_headers_complete(self) -> None:
        if self._unfinished_bytes + self._data_bytes > self.limits.head_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self.limits.head_bytes:
                self._refuse_head(_too_large(self.limits.head_bytes))
        if len(self.pipeline) >= MAX_PIPELINED:
            self._refuse_head((400, "too_many_requests", f"more than {MAX_PIPELINED} requests wait for their answers"))
        self._part = Phase.BODY
        self._began = True
        self._unfinished_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._part = Phase.IDLE
        super().on_message_complete()

    def _refuse_head(self, refusal: tuple[int, str, str]) -> None:
        self._refusal = refusal
        raise _HeadRefused


class GuardedH11(Guarded, H11Protocol):
    """Uvicorn's protocol on h11, which bounds a head's size itself, and parses one request at a time.

    Reads `conn`, uvicorn's h11.Connection.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        self._head_lines = 0
        self._last = b""

    def awaited(self) -> Phase:
        if self.conn.their_state is h11.SEND_BODY:
            return Phase.BODY
        return Phase.HEAD if self._head_bytes and self.conn.their_state is h11.IDLE else Phase.IDLE

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.IDLE:
            sent = self._last + data
            end = sent.find(_END_OF_HEAD)
            self._head_lines += data.count(b"\n", 0, len(data) if end < 0 else max(0, end - len(self._last)))
            self._head_bytes += len(data) if end < 0 else end - len(self._last)
            if self._head_lines > MAX_HEADERS or self._head_bytes > self.limits.head_bytes:
                too_many = self._head_lines > MAX_HEADERS
                self.refuse(*(_too_many() if too_many else _too_large(self.limits.head_bytes)))
                return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_bytes = self._head_lines = 0
        self._last = data[1 - len(_END_OF_HEAD) :]


def _too_large(head_bytes: int) -> tuple[int, str, str]:
    return 431, "head_too_large", f"the head of a request has at most {head_bytes} bytes"


def _too_many() -> tuple[int, str, str]:
    return 431, "head_too_large", f"the head of a request has at most {MAX_HEADERS} headers"


def _answer(status: int, code: str, message: str) -> bytes:
    """A whole answer, in the form of every other error of the API; the connection ends with it."""
    body = json.dumps({"error": {"code": code, "message": message, "field": None}}).encode()
    retry = f"Retry-After: {RETRY_AFTER_S}\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{retry}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def _open_files() -> int:
    """How many files the process may open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if most == resource.RLIM_INFINITY else most


def _network(peer: Any) -> str:
    """Whom a connection counts for; an IPv6 client has as many addresses as it likes, but within one /64."""
    if not isinstance(peer, tuple):
        return ""  # a Unix socket
    address = ipaddress.ip_address(peer[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
