"""Maintenance as a process, and a progress of consumers with whom nothing is under way."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from embedded.layout import free_ports
from embedded.stack import Stack
from runtime.kafka.offsets import Extent, Partition
from tests.support.process import ModuleProcess


def maintenance_process(stack: Stack, folder: Path, every_s: int = 3_600, **environment: str) -> ModuleProcess:
    """Maintenance on a stack, but for what `environment` says."""
    port = free_ports(1)[0]
    settings = dict(stack.environment) | {"ONEFOLD_MAINTENANCE_METRICS_PORT": str(port)} | environment
    log = folder / f"maintenance-{port}.log"
    return ModuleProcess("jobs.maintenance", str(every_s), environment=settings, log=log, port=port)


class AtRest:
    """A Kafka without records."""

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:
        return tuple((topic, 0) for topic in topics)

    def extents(self, partitions: Iterable[Partition]) -> Mapping[Partition, Extent]:
        return {partition: Extent(0, 0) for partition in partitions}

    def committed(self, group: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:  # noqa: ARG002
        return {}
