"""Uvicorn's two protocols with bounds: what a connection waits for, how large a head may be, how much is pipelined.

Which connections stay is left to `connections`.
"""

import asyncio
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from runtime.http.answers import whole_answer
from runtime.http.connections import ConnectionLimiter, Phase

MAX_HEADERS = 100
MAX_PIPELINED = 16  # requests behind the one under way: each costs some 3 KB before anybody has read it

_END_OF_HEAD = b"\r\n\r\n"

# How little a connection is missed; an idle one that never sent a request least of all.
_RANKS = {Phase.CLOSING: 0, Phase.HEAD: 1, Phase.IDLE: 2, Phase.REST: 3, Phase.UNREAD: 4, Phase.BODY: 5}


class _HeadRefused(Exception):
    """Raised within a parser: it stops, and what is answered has been noted on the connection."""


class GuardedConfig(Config):
    """Uvicorn's configuration, with the limiter of its server's connections."""

    limiter: ConnectionLimiter


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
        self.limiter = config.limiter
        self.limits = config.limiter.limits
        self._drained = 0
        self._refusal = (400, "invalid_request", "this is no HTTP request")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Stay, or be answered with 503; then uvicorn never hears of the connection."""
        if self.limiter.accept(self, transport):
            super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for another."""
        self.limiter.leave(self)
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Count what the client reads, which tells a slow reader from one that does not read."""
        self._drained += 1
        super().resume_writing()

    def phase(self) -> Phase:
        """Return what the connection waits for."""
        if self.transport.is_closing():
            return Phase.CLOSING
        if self.flow.write_paused:
            return Phase.UNREAD
        awaited = self.awaited()
        if self.cycle is not None and not self.cycle.response_complete:
            return Phase.BODY if awaited is Phase.BODY else Phase.ANSWER
        return Phase.REST if awaited is Phase.BODY else awaited

    def awaited(self) -> Phase:
        """Return what the parser waits for: IDLE, HEAD or BODY."""
        raise NotImplementedError

    def progress(self) -> tuple[object, ...]:
        """Return what every request changes, and the client by reading a good part of what was to be sent."""
        return (self.cycle, self._drained)

    def rank(self) -> int | None:
        """Return how little the connection is missed when another needs room: 0 least, None when it waits for us."""
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
            self.transport.abort()  # whoever pipelines would take the refusal for the rest of the answer under way
        elif not self.transport.is_closing():
            self.transport.write(whole_answer(status, code, message))
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse the request; uvicorn calls it when its parser gives up."""
        self.refuse(*self._refusal)


class GuardedHttpTools(Guarded, HttpToolsProtocol):
    """Uvicorn's protocol on httptools, which itself bounds neither heads nor trailers nor how much is pipelined.

    Overrides the callbacks of httptools' documented parser interface, and reads `headers` and `pipeline` of uvicorn's.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._awaited = Phase.IDLE
        self._began = False  # a head or a body, within these data
        self._data_bytes = 0
        self._body_bytes = 0  # of these data
        self._unfinished_bytes = 0  # of a head, or between the chunks of a body (trailers, extensions of chunks)

    def awaited(self) -> Phase:
        return self._awaited

    def data_received(self, data: bytes) -> None:
        self._data_bytes = len(data)
        self._body_bytes = 0
        super().data_received(data)
        if self._awaited is Phase.IDLE or (self._awaited is Phase.BODY and self._body_bytes):
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
        self._awaited = Phase.HEAD
        self._began = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._awaited is not Phase.HEAD:
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
        self._awaited = Phase.BODY
        self._began = True
        self._unfinished_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._awaited = Phase.IDLE
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
