"""The HTTP port of a process that has no other: metrics, liveness, readiness.

Served by one thread of its own, so it answers while the process computes. Which numbers there are is their owners'
matter.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import Receive, Scope, Send

from runtime.closing import Closing
from runtime.http.connections import Limits
from runtime.http.serving import configure, listen
from runtime.http.trust import TrustedHosts

LIMITS = Limits(connections=128, connections_per_address=64, head_bytes=16 * 1024, finish_s=1)
CLOSE_WITHIN_S = 5.0

_JSON = "application/json"
_PAUSE = 3  # as long as the last text took: scrapes take at most a quarter of one core, however many there are


class Endpoint(Closing):
    """Serves GET /metrics, /health/live and /health/ready until it is closed; a context manager.

    `not_ready` is called for each answer, on the endpoint's thread, and must not block: it returns why the process is
    not ready, or None when it is. Port 0 takes a free one; `port` says which. `trusted_hosts`: see `TrustedHosts`.
    Raises OSError when the port is taken.
    """

    def __init__(
        self,
        host: str,
        port: int,
        not_ready: Callable[[], str | None],
        trusted_hosts: tuple[str, ...] = (),
        limits: Limits = LIMITS,
    ) -> None:
        listener = listen(host, port)
        self.port = int(listener.getsockname()[1])
        app = TrustedHosts(_Answers(not_ready), host, trusted_hosts)
        self._server = uvicorn.Server(configure(app, limits))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="endpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the port."""
        self._server.should_exit = True
        self._thread.join(CLOSE_WITHIN_S)


class Exposition:
    """All metrics of the process as text, made once for all who scrape at the same time, and not too often."""

    def __init__(self) -> None:
        self._next: asyncio.Task[bytes] | None = None
        self._not_before = 0.0

    async def text(self) -> bytes:
        """Return what Prometheus reads; never older than the request."""
        if self._next is None:
            self._next = asyncio.create_task(self._generate())
        return await asyncio.shield(self._next)

    async def _generate(self) -> bytes:
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        self._next = None
        began = time.monotonic()
        text = generate_latest()
        ended = time.monotonic()
        self._not_before = ended + _PAUSE * (ended - began)
        return text


class _Answers:
    def __init__(self, not_ready: Callable[[], str | None]) -> None:
        self._not_ready = not_ready
        self._exposition = Exposition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        status, content_type, body = await self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in ("GET", "HEAD"):
            return _answer(405, {"error": "only GET is answered"})
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, await self._exposition.text()
        if path == "/health/live":
            return _answer(200, {"status": "live"})
        if path == "/health/ready":
            reason = self._not_ready()
            if reason is None:
                return _answer(200, {"status": "ready"})
            return _answer(503, {"status": "not ready", "reason": reason})
        return _answer(404, {"error": "try /metrics, /health/live or /health/ready"})


def _answer(status: int, body: dict[str, str]) -> tuple[int, str, bytes]:
    return status, _JSON, json.dumps(body).encode()
