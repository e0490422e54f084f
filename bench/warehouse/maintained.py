"""Maintenance of a ClickHouse to which nothing is on its way: it squashes overrides, counts hours and merges months."""

import threading
import time
from collections.abc import Iterable, Mapping

from jobs.maintenance.merging import Merge
from jobs.maintenance.rolling_up import RollUp
from jobs.maintenance.squashing import Squash
from jobs.maintenance.step import MaintenanceStep
from runtime.clock import now_ms
from runtime.kafka.offsets import Extent, Partition
from warehouse.client import Warehouse


class _AllRead:
    """Consumer groups that have nothing to read."""

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:  # noqa: ARG002 - a protocol's signature
        return ()

    def extents(self, partitions: Iterable[Partition]) -> Mapping[Partition, Extent]:  # noqa: ARG002
        return {}

    def committed(self, group: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:  # noqa: ARG002
        return {}


def maintain(warehouse: Warehouse) -> None:
    """Run the steps once, and say what each did and how long it took."""
    steps: tuple[MaintenanceStep, ...] = (Squash(_AllRead()), RollUp(visible_after_s=0), Merge())
    for step in steps:
        started = time.monotonic()
        done = step.run(warehouse, now_ms(), threading.Event())
        print(f"{step.name}: {done}, in {time.monotonic() - started:.1f} s")
