"""Processes of a measurement, and the consumer group that Onefold's workers among them join."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from embedded.process import Reaper, StackProcess
from embedded.steps import ProcessSpec

EMPTY_WITHIN_S = 60.0


@contextlib.contextmanager
def running(specs: Sequence[ProcessSpec], logs: Path) -> Iterator[list[StackProcess]]:
    """Start processes with the block and end them with it, in order, and whatever kills this process."""
    reaper = Reaper()
    processes = [StackProcess(spec, logs / f"{spec.name}.log", reaper) for spec in specs]
    try:
        for process in processes:
            process.start()
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.stop()
        reaper.close()


def wait_for_empty_group(admin: AdminClient, group: str) -> None:
    """Wait for an empty group: a static member that has stopped stays until its session ends. Raises TimeoutError."""
    deadline = time.monotonic() + EMPTY_WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(KafkaException):  # the coordinator is being chosen
            if not admin.describe_consumer_groups([group])[group].result().members:
                return
        time.sleep(0.5)
    raise TimeoutError(f"the group {group} still has members after {EMPTY_WITHIN_S:.0f} s")
