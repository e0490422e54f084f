"""The ASGI application: routes, request bodies, answers, disconnects; SQL and the engine are in other modules."""

import asyncio
import secrets
import string
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from starlette.types import Message, Receive, Scope, Send

from embedded.clickhouse.encodings import Encoder, encoder
from embedded.clickhouse.engine import Engine
from embedded.clickhouse.errors import Code, ServerError, error
from embedded.clickhouse.execution import Body, Execution, RunnableQuery, read_query
from embedded.clickhouse.requests import GatewayRequest, check_password, check_sender, read
from embedded.clickhouse.workers import WorkerPool

MAX_BODY_BYTES: Final = 4 << 30
_BODY_IN_MEMORY_BYTES: Final = 4 << 20
_ANSWER_AT_ONCE_BYTES: Final = 1 << 20
_SEND_TIMEOUT_S: Final = 30.0
_DRAIN_S: Final = 2.0
_WRITE_GRACE_S: Final = 1.0
_DRAIN_POLL_S: Final = 0.05
_HEALTH_PATHS: Final = ("/ping", "/health/ready", "/replicas_status")
_TEXT: Final = "text/plain; charset=UTF-8"

Headers = list[tuple[bytes, bytes]]


class ClientGone(Exception):
    """The client closed its connection, or stopped reading."""


class Gateway:
    """ClickHouse's HTTP interface over one engine; only this machine may call when `local`."""

    def __init__(self, engine: Engine, *, password: str = "", local: bool = True) -> None:
        self._engine = engine
        self._password = password
        self._local = local
        self._reads = WorkerPool("queries", threads=16, waiting=100)
        self._writes = WorkerPool("writes", threads=8, waiting=500)
        self._background = ThreadPoolExecutor(8, thread_name_prefix="clickhouse-background")
        self._running: dict[str, Execution] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        exchange = _Exchange(self._engine, send)
        try:
            await self._route(scope, headers, receive, exchange)
        except ServerError as failure:
            await exchange.fail(failure)
        except (ClientGone, asyncio.CancelledError):
            pass  # nobody reads an answer; uvicorn cancels what outlasts the drain
        except Exception as failure:  # noqa: BLE001 - the HTTP boundary: a client gets an answer, the process lives
            await exchange.fail(error(Code.STD_EXCEPTION, f"{type(failure).__name__}: {failure}"))

    async def drain(self) -> None:
        """Bring what runs to its end in two seconds: reads are killed at once, writes after a grace."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self._running and loop.time() < began + _DRAIN_S:
            late = loop.time() > began + _WRITE_GRACE_S
            for execution in list(self._running.values()):
                if late or not execution.writes:
                    await loop.run_in_executor(self._background, execution.interrupt)
            await asyncio.sleep(_DRAIN_POLL_S)

    def close(self) -> None:
        """Wait for the threads, after `drain`; no request may come any more."""
        for workers in (self._reads, self._writes):
            workers.close()
        self._background.shutdown(wait=True)

    async def _route(self, scope: Scope, headers: dict[str, str], receive: Receive, exchange: "_Exchange") -> None:
        method, path, query_string = scope["method"], scope["path"], scope["query_string"]
        if path in _HEALTH_PATHS:
            return await exchange.text(200, b"Ok.\n")
        if self._local:
            check_sender(scope["headers"], scope["server"][1])
        if self._password:
            check_password(query_string, headers, self._password)
        if path not in ("/", "/query"):
            return await exchange.text(404, f"There is no handle {unquote(path)}\n\n{_HELP}".encode())
        if method not in ("GET", "POST", "HEAD"):
            return await exchange.text(501, f"There is no handle for {method}\n\n{_HELP}".encode())
        if method == "HEAD" or (method == "GET" and not query_string):
            return await exchange.text(200, b"Ok.\n")
        request = read(method, query_string, headers)
        exchange.begin(request)
        with Body(max_size=_BODY_IN_MEMORY_BYTES) as body:
            await _receive_body(method, headers, receive, body)
            runnable = await self._in_thread(lambda: read_query(request, body, self._engine.refused))
            workers = self._writes if runnable.writes else self._reads
            async with workers.admitted():
                await self._execute(request, runnable, workers, receive, exchange)
        return None

    async def _execute(
        self,
        request: GatewayRequest,
        runnable: RunnableQuery,
        workers: WorkerPool,
        receive: Receive,
        exchange: "_Exchange",
    ) -> None:
        if request.query_id in self._running:
            message = f"Query with id = {request.query_id} is already running."
            raise error(Code.QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING, message)
        execution = self._running[request.query_id] = Execution(self._engine, request, runnable)
        gone = asyncio.ensure_future(_disconnected(receive))
        finished = False
        try:
            await exchange.answer(execution, lambda: _unless(gone, workers.run(execution.piece)))
            finished = True
        except ServerError:
            finished = True
            raise
        finally:
            gone.cancel()
            # In a thread and not awaited: the engine may need a moment to let go, and this task may be cancelled.
            release = execution.close if finished else execution.abandon
            self._background.submit(release).add_done_callback(lambda _: self._running.pop(request.query_id, None))

    async def _in_thread(self, work: Callable[[], RunnableQuery]) -> RunnableQuery:
        return await asyncio.get_running_loop().run_in_executor(self._background, work)


_HELP = (
    "Use / or /ping for health checks.\n"
    "Or /replicas_status for more sophisticated health checks.\n\n"
    "Send queries from your program with POST method or GET /?query=...\n"
)


class _Exchange:
    """The answer to one request: headers once, then pieces; an error takes whichever form is still possible."""

    def __init__(self, engine: Engine, send: Send) -> None:
        self._engine = engine
        self._send = send
        self._request: GatewayRequest | None = None
        self._started = False
        self._encoder: Encoder | None = None
        self._tag = "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))

    def begin(self, request: GatewayRequest) -> None:
        """From now on answers carry the request's query id."""
        self._request = request

    async def text(self, status: int, body: bytes) -> None:
        """Send a plain answer."""
        await self._start(status, [(b"content-type", _TEXT.encode()), (b"content-length", b"%d" % len(body))])
        await self._write(body, more=False)

    async def fail(self, failure: ServerError) -> None:
        """Send the error as ClickHouse does: behind the beginning of a result, marked, and cut the connection."""
        body = failure.body(self._engine.version)
        if not self._started:
            headers = [(b"x-clickhouse-exception-code", b"%d" % failure.code)]
            headers += [(b"content-type", _TEXT.encode()), (b"content-length", b"%d" % len(body))]
            await self._start(failure.status, headers)
            await self._write(body, more=False)
            return
        tag = self._tag.encode()
        marked = b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (tag, body, len(body), tag)
        if self._encoder is not None:
            marked = self._encoder.compress(marked) + self._encoder.flush()
        # Returning before the last piece makes uvicorn cut the connection, so that no client takes it for the whole.
        await self._write(marked, more=True)

    async def answer(self, execution: Execution, next_piece: Callable[[], Awaitable[bytes | None]]) -> None:
        """Send the execution's output: a small result in one message with the whole summary, others as they come."""
        request = self._request
        assert request is not None
        first = bytearray()
        piece: bytes | None = b""
        while len(first) <= _ANSWER_AT_ONCE_BYTES and (piece := await next_piece()) is not None:
            first += piece
        if request.response_encoding:
            self._encoder = encoder(request.response_encoding)
        body = self._encoded(bytes(first), last=piece is None)
        headers = self._result_headers(execution, request)
        if piece is None:
            headers.append((b"content-length", b"%d" % len(body)))
        else:
            headers.append((b"x-clickhouse-exception-tag", self._tag.encode()))
        await self._start(200, headers)
        await self._write(body, more=piece is not None)
        while piece is not None:
            piece = await next_piece()
            await self._write(self._encoded(piece or b"", last=piece is None), more=piece is not None)

    def _encoded(self, plain: bytes, *, last: bool) -> bytes:
        if self._encoder is None:
            return plain
        return self._encoder.compress(plain) + (self._encoder.flush() if last else b"")

    def _result_headers(self, execution: Execution, request: GatewayRequest) -> Headers:
        content_type = self._engine.content_types.get(execution.format, _TEXT)
        timezone = request.settings.get("session_timezone") or self._engine.timezone.encode()
        progress = {name: str(value) for name, value in msgspec.structs.asdict(execution.progress).items()}
        headers = [
            (b"content-type", content_type.encode()),
            (b"x-clickhouse-format", execution.format.encode("latin-1", "replace")),
            (b"x-clickhouse-timezone", _one_line(timezone)),
            (b"x-clickhouse-summary", msgspec.json.encode(progress)),
        ]
        if request.response_encoding:
            headers.append((b"content-encoding", request.response_encoding.encode()))
        return headers

    async def _start(self, status: int, headers: Headers) -> None:
        headers.append((b"x-clickhouse-server-display-name", b"onefold"))
        if self._request is not None:
            headers.append((b"x-clickhouse-query-id", _one_line(self._request.query_id.encode())))
        self._started = True
        await self._deliver({"type": "http.response.start", "status": status, "headers": headers})

    async def _write(self, body: bytes, *, more: bool) -> None:
        if body or not more:
            await self._deliver({"type": "http.response.body", "body": body, "more_body": more})

    async def _deliver(self, message: Message) -> None:
        try:
            await asyncio.wait_for(self._send(message), _SEND_TIMEOUT_S)
        except (TimeoutError, OSError) as failure:
            raise ClientGone from failure


async def _receive_body(method: str, headers: dict[str, str], receive: Receive, body: Body) -> None:
    length = headers.get("content-length")
    if method == "POST" and length is None and "transfer-encoding" not in headers:
        reason = "The Transfer-Encoding is not chunked and there is no Content-Length header for POST request"
        raise error(Code.HTTP_LENGTH_REQUIRED, reason)
    received = int(length) if length and length.isdigit() else 0
    more = received <= MAX_BODY_BYTES
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body.write(message.get("body", b""))
        received = max(received, body.tell())
        more = message.get("more_body", False) and received <= MAX_BODY_BYTES
    if received > MAX_BODY_BYTES:
        raise error(Code.QUERY_IS_TOO_LARGE, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    body.seek(0)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unless(gone: asyncio.Future[None], piece: Awaitable[bytes | None]) -> bytes | None:
    pending = asyncio.ensure_future(piece)
    # Its failure is looked at even where nobody waits any more, or asyncio would log it.
    pending.add_done_callback(lambda done: done.cancelled() or done.exception())
    either: set[asyncio.Future[Any]] = {gone, pending}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not pending.done():
        raise ClientGone
    return pending.result()


def _one_line(value: bytes) -> bytes:
    return bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F)
