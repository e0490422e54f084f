"""Routes for operators: liveness, metrics, and readiness by probes. What a process probes is the process's matter."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import httpx
import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from runtime.errors import OnefoldError
from runtime.http.endpoint import Exposition
from runtime.kafka.async_producer import AsyncProducer

PROBE_TIMEOUT_S = 1.5
CACHED_S = 1.0
OK = "ok"

Probe: TypeAlias = Callable[[], Awaitable[str]]
"""Returns OK or why not, within about PROBE_TIMEOUT_S, and raises nothing."""


class Health:
    """Probes everything that a process needs, all at once, and at most once a second."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes
        self._probing = asyncio.Lock()
        self._states: dict[str, str] = {}
        self._probed_at = -CACHED_S

    async def states(self) -> dict[str, str]:
        """Return the name of each probe with OK or the reason why not."""
        async with self._probing:
            if time.monotonic() - self._probed_at >= CACHED_S:
                states = await asyncio.gather(*(probe() for probe in self._probes.values()))
                self._states = dict(zip(self._probes, states, strict=True))
                self._probed_at = time.monotonic()
            return self._states


def probe_kafka(producer: AsyncProducer, topic: str) -> Probe:
    """Return the probe that is OK when the broker answers and has the topic."""

    async def probe() -> str:
        try:
            await asyncio.to_thread(producer.ping, topic, PROBE_TIMEOUT_S)
        except OnefoldError as error:
            return f"no answer: {error}"
        return OK

    return probe


def probe_url(client: httpx.AsyncClient, url: str, shown: str) -> Probe:
    """Return the probe that is OK when GET `url` answers 200; `shown` is the URL as reasons may name it."""

    async def probe() -> str:
        try:
            response = await client.get(url)
        except httpx.HTTPError as error:
            return f"no answer from {shown}: {type(error).__name__}"
        if response.status_code == httpx.codes.OK:
            return OK
        return f"{shown} answers {response.status_code}{_said_in(response.content)}"

    return probe


def probe_state(not_ready: Callable[[], str | None]) -> Probe:
    """Return the probe that is OK as long as `not_ready`, which must not block, gives no reason."""

    async def probe() -> str:
        return not_ready() or OK

    return probe


def probing_client(tls: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """Return the client for `probe_url`, to be closed by its owner; `tls`: which certificates it believes."""
    return httpx.AsyncClient(timeout=PROBE_TIMEOUT_S, trust_env=False, verify=tls or True)


def service_routes(health: Health) -> list[Route]:
    """Return the routes /health/live, /health/ready and /metrics."""

    async def ready(_request: Request) -> Response:
        states = await health.states()
        is_ready = all(state == OK for state in states.values())
        body = {"status": "ready" if is_ready else "not ready", "checks": states}
        return JSONResponse(body, status_code=200 if is_ready else 503)

    async def metrics(_request: Request) -> Response:
        return Response(await exposition.text(), media_type=CONTENT_TYPE_LATEST)

    async def live(_request: Request) -> Response:
        return PlainTextResponse("live")

    exposition = Exposition()
    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", metrics)]


class _NotReady(msgspec.Struct):
    """What a process of ours that is not ready answers: one reason, or the state of each of its checks."""

    reason: str = ""
    checks: dict[str, str] = {}


def _said_in(body: bytes) -> str:
    """Return why another process of ours is not ready; empty where something else has answered."""
    try:
        said = msgspec.json.decode(body, type=_NotReady)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    reasons = [said.reason, *(f"{name}: {state}" for name, state in said.checks.items() if state != OK)]
    return "".join(f", {reason}" for reason in reasons if reason)
