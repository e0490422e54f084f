"""Whether events can be taken, and what stands in the way: each part is asked, all at once, at most once a second."""

import asyncio
import time
from collections.abc import Awaitable, Mapping

import httpx

from runtime.errors import OnefoldError
from runtime.kafka.async_producer import AsyncProducer
from schemas import topics
from schemas.contracts import Contracts
from settings import Settings, without_credentials

PROBE_TIMEOUT_S = 1.5
CACHED_S = 1.0
OK = "ok"


class Readiness:
    """`parts` are asked beside Kafka and the schemas: name -> URL that answers 200 when the part is up."""

    def __init__(self, producer: AsyncProducer, contracts: Contracts, parts: Mapping[str, str]) -> None:
        self._producer = producer
        self._contracts = contracts
        self._parts = parts
        self._client = httpx.AsyncClient(timeout=PROBE_TIMEOUT_S, trust_env=False)
        self._asking = asyncio.Lock()
        self._known: dict[str, str] = {}
        self._asked_at = -CACHED_S

    async def states(self) -> dict[str, str]:
        """Part -> "ok" or the reason why not."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= CACHED_S:
                probes: dict[str, Awaitable[str]] = {"kafka": self._ask_kafka(), "schemas": self._ask_schemas()}
                probes |= {name: self._ask(url) for name, url in self._parts.items()}
                self._known = dict(zip(probes, await asyncio.gather(*probes.values()), strict=True))
                self._asked_at = time.monotonic()
            return self._known

    async def close(self) -> None:
        """Close the connections to the parts."""
        await self._client.aclose()

    async def _ask_kafka(self) -> str:
        try:
            await asyncio.to_thread(self._producer.ping, topics.EVENTS, PROBE_TIMEOUT_S)
        except OnefoldError as error:
            return f"no answer: {error}"
        return OK

    async def _ask_schemas(self) -> str:
        return OK if self._contracts.encoders is not None else self._contracts.reason

    async def _ask(self, url: str) -> str:
        try:
            response = await self._client.get(url)
        except httpx.HTTPError as error:
            return f"no answer from {without_credentials(url)}: {type(error).__name__}"
        return OK if response.status_code == 200 else f"{without_credentials(url)} answers {response.status_code}"


def stack_parts(settings: Settings) -> dict[str, str]:
    """The parts of a stack on one machine: events are not only taken but folded and visible when all of them answer."""
    return {
        "registry": f"{settings.registry}/subjects",
        "clickhouse": f"{settings.clickhouse}/ping",
        "worker": f"http://127.0.0.1:{settings.worker_metrics_port}/health/ready",
        "sink": f"http://127.0.0.1:{settings.sink_metrics_port}/health/ready",
        "rebuilder": f"http://127.0.0.1:{settings.rebuilder_metrics_port}/health/ready",
    }
