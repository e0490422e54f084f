"""A receiver of HTTP on a real socket that a test tells how to answer, and that remembers what it was sent."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

from aiohttp import web


class Request(NamedTuple):
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


Answering: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpReceiver:
    """Serves while the block lasts, in the event loop of the test."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.url = ""
        self.has_come = asyncio.Event()

    async def __aenter__(self) -> Self:
        server = web.Server(self._take, client_max_size=50_000_000, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Request(request.method, request.path, request.query_string, headers, body))
        self.has_come.set()
        return await self.answer(request)  # type: ignore[arg-type]


def always(status: int, body: bytes = b"", **headers: str) -> Answering:
    """Answer every request in the same way; `Retry_After` stands for the header Retry-After."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


async def never(_: web.Request) -> web.StreamResponse:
    """Take a request, and do not answer it."""
    await asyncio.sleep(3_600)
    raise AssertionError("unreachable")


async def reset(request: web.Request) -> web.StreamResponse:
    """Take a request, and close the connection."""
    assert request.transport is not None, "the client has gone first"
    request.transport.abort()
    return web.Response()


def endless(piece: bytes, pause_s: float) -> Answering:
    """Answer without an end, piece by piece."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(piece)
            await asyncio.sleep(pause_s)

    return answer
