"""What must answer before the collector is ready: what it writes to, and on a local stack every other process too."""

import httpx

from runtime.http.health import Probe, probe_kafka, probe_url
from runtime.kafka.async_producer import AsyncProducer
from schemas import topics
from schemas.contracts import Contracts
from settings import Settings, without_credentials


def probes(
    settings: Settings,
    producer: AsyncProducer,
    contracts: Contracts,
    client: httpx.AsyncClient,
    whole_stack: bool,
) -> dict[str, Probe]:
    """Return the probes by name; with the whole stack, all are OK once events are folded and visible too."""
    own: dict[str, Probe] = {"kafka": probe_kafka(producer, topics.EVENTS), "schemas": contracts.probe}
    if not whole_stack:
        return own
    return own | {name: probe_url(client, url, without_credentials(url)) for name, url in _stack(settings).items()}


def _stack(settings: Settings) -> dict[str, str]:
    """Return the URL of each process of a stack on one machine that answers 200 when it is up."""
    ports = {
        "worker": settings.serving.worker_metrics_port,
        "sink": settings.serving.sink_metrics_port,
        "rebuilder": settings.serving.rebuilder_metrics_port,
        "deliverer": settings.serving.deliverer_metrics_port,
        "api": settings.serving.api_port,
    }
    return {
        "registry": f"{settings.registry}/subjects",
        "clickhouse": f"{settings.clickhouse.url}/ping",
        **{name: f"http://127.0.0.1:{port}/health/ready" for name, port in ports.items()},
    }
