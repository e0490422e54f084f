"""`python -m bench.deliveries.rounds`: CPU of a delivery in a batch without Kafka: rounds of a task, store, requests.

What reading the topic and the transaction cost is left to `python -m bench.deliveries --only batches`.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import definitions
from bench.deliveries.world import SECRET, SIGNED_BY, WORKSPACE, entry, receiving
from bench.scale import OwnSchemas
from runtime.memory import tune_memory
from schemas.codec import Codec
from schemas.identity import profile_key
from schemas.records import SegmentChange
from schemas.topics import activation
from sinks.delivery.lines import due_at_of
from sinks.delivery.records import TaskRecords
from sinks.delivery.rounds import IncomingRecord
from sinks.delivery.served import Destinations
from sinks.delivery.task import DeliveryTask
from sinks.destinations.opening import open_destination
from state.changelog import Recovered
from state.commit import Committer
from state.outputs import Output
from state.restoring import Restored
from state.store import StateStore
from state.view import StateView

NAME = "batches"
WARM = 2_000


class StoreOnly(Committer):
    """Writes what a round leads to into the store, and sends nothing to Kafka."""

    def __init__(self) -> None:  # has no producer
        self.attempts = 0

    def commit(
        self,
        outputs: Sequence[Output],
        view: StateView,
        positions: Mapping[str, int],  # noqa: ARG002 - a committer's signature
        store: StateStore,
    ) -> None:
        store.write(view.changes, view.stored, 0)
        self.attempts += len(outputs)

    def close(self) -> None:
        """There is nothing to forget."""


async def measure(folder: Path, number: int) -> float:
    """Return the CPU (us) of one delivery of so many."""
    codec, committer = Codec(OwnSchemas()), StoreOnly()
    with receiving(folder, NAME) as (defined, _):
        destinations = Destinations(partial(open_destination, namespace_of=lambda _: None), lambda _: None)
        destinations.define(definitions.load(defined).destinations, {})
        restored = Restored(StateStore(folder / "store", due_at_of), {}, Recovered(0, 0.0))
        with ThreadPoolExecutor(1) as executor:
            records = TaskRecords(codec, ())
            task = DeliveryTask(0, restored, committer, destinations, records, executor, lambda: True, _fail)
            task.inform()
            incoming = list(_incoming(codec, WARM + number))
            await _deliver(task, committer, incoming[:WARM], WARM)
            started = time.process_time()
            await _deliver(task, committer, incoming[WARM:], WARM + number)
            us = (time.process_time() - started) / number * 1e6
            await task.close()
        await destinations.close()
    return us


async def _deliver(task: DeliveryTask, committer: StoreOnly, records: list[IncomingRecord], until: int) -> None:
    task.submit(records)
    async with asyncio.timeout(600):
        while committer.attempts < until:  # noqa: ASYNC110 - counted in another thread
            await asyncio.sleep(0.02)


def _incoming(codec: Codec, number: int) -> Iterator[IncomingRecord]:
    encode = codec.encoder(SegmentChange)
    for person in range(number):
        change = entry(NAME, person)
        key = profile_key(WORKSPACE, change.profile_id)
        yield IncomingRecord(activation(NAME), 0, person, key, encode(change), ())


def _fail(error: BaseException) -> None:
    raise SystemExit(f"a delivery failed: {error!r}")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000)
    chosen = parser.parse_args()
    os.environ[SECRET] = SIGNED_BY
    tune_memory()
    with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
        us = asyncio.run(measure(Path(folder), chosen.deliveries))
    print(f"{us:.1f} us of CPU each: {1e6 / us:,.0f} a second of one core")


if __name__ == "__main__":
    main()
