"""A task gives its store up only once nobody works on it any more."""

import asyncio
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.codec import Codec
from sinks.delivery.lines import due_at_of
from sinks.delivery.records import TaskRecords
from sinks.delivery.served import Destinations
from sinks.delivery.task import DeliveryTask
from state.changelog import Recovered
from state.commit import Committer
from state.restoring import Restored
from state.store import StateStore
from tests.schemas.fixed import FixedSchemas
from tests.sinks.delivery.test_outlet import OPENED

NOBODY = "127.0.0.1:9"


class SlowStore(StateStore):
    """One on a disk that takes its time."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, due_at_of)
        self.is_flushing, self.may_end = threading.Event(), threading.Event()
        self.steps: list[str] = []

    def flush_if_due(self) -> None:
        self.is_flushing.set()
        assert self.may_end.wait(30)
        super().flush_if_due()
        self.steps.append("flushed")

    def close(self) -> None:
        self.steps.append("closed")
        super().close()


class FatalCommitter(Committer):
    """One whose client has given up, as after a broker that was killed has lost a transaction."""

    def close(self) -> None:
        super().close()
        raise KafkaException(KafkaError(KafkaError._FATAL))


def task_of(
    store: StateStore, executor: Executor, failures: list[BaseException], kind: type[Committer]
) -> DeliveryTask:
    restored, committer = Restored(store, {}, Recovered(0, 0.0)), kind(NOBODY, "test", "lines", 0)
    destinations = Destinations(lambda _: OPENED, lambda _: None)
    records = TaskRecords(Codec(FixedSchemas()), ())
    return DeliveryTask(0, restored, committer, destinations, records, executor, lambda: True, failures.append)


async def closed_while_it_is_flushed(store: SlowStore) -> None:
    failures: list[BaseException] = []
    with ThreadPoolExecutor(2) as executor:
        task = task_of(store, executor, failures, Committer)
        task.observe()
        await asyncio.to_thread(store.is_flushing.wait, 30)
        closing = asyncio.create_task(task.close())
        await asyncio.wait([closing], timeout=0.5)
        store.may_end.set()
        await closing
    assert failures == []


def test_a_store_is_not_closed_while_it_is_flushed(tmp_path: Path) -> None:
    store = SlowStore(tmp_path)
    asyncio.run(closed_while_it_is_flushed(store))
    assert store.steps == ["flushed", "closed"]


def test_a_store_is_closed_whatever_the_client_of_kafka_says(tmp_path: Path) -> None:
    async def close() -> None:
        with ThreadPoolExecutor(2) as executor:
            await task_of(store, executor, [], FatalCommitter).close()

    store = SlowStore(tmp_path)
    with pytest.raises(KafkaException):
        asyncio.run(close())
    assert store.steps == ["closed"]
