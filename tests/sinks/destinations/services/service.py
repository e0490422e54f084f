"""What the local services share: they listen on 127.0.0.1, keep what they were sent, and answer as told before."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer


def hashed(text: str) -> str:
    """Return the SHA-256 of a text in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a JSON answer."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)


class Sent(msgspec.Struct, frozen=True):
    """A request as it came."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> object:
        """Return its body as JSON."""
        return msgspec.json.decode(self.body)


class Service:
    """A service; `planned`: its next answers, whatever it is asked. `tokens`: those that it accepts now."""

    def __init__(self, *routes: tuple[str, str, Callable[[Sent], Awaitable[web.Response]]]) -> None:
        self.sent: list[Sent] = []
        self.planned: list[web.Response] = []
        self.tokens = {"token-1"}
        self._routes = routes
        self._server: TestServer | None = None
        self._asked: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        assert self._server is not None
        return str(self._server.make_url("")).rstrip("/")

    def routes(self) -> list[web.RouteDef]:
        """Return what it serves, for a server that serves more."""
        return [web.route(method, path, self._handler(handle)) for method, path, handle in self._routes]

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application(client_max_size=64_000_000)
        app.add_routes(self.routes())
        self._server = TestServer(app, host="127.0.0.1")
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        assert self._server is not None
        await self._server.close()

    def _handler(
        self, handle: Callable[[Sent], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            sent = Sent(request.method, request.path_qs, await request.read(), dict(request.headers))
            self.sent.append(sent)
            self._asked[sent.path].set()
            if self.planned:
                return self.planned.pop(0)
            return await handle(sent)

        return handler

    async def asked(self, path: str) -> None:
        """Wait for the first request of a path."""
        async with asyncio.timeout(30):
            await self._asked[path].wait()

    def is_authorised(self, sent: Sent) -> bool:
        """Return whether a request carries an accepted token in its header."""
        return sent.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens
