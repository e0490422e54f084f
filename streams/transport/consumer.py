"""Faust's Kafka consumer, with readers of its own: hands what a task can take to an agent as one message.

Faust's consumer keeps the group, the assignment and the group's offsets; it fetches nothing. Its own way of reading
would commit past failed messages, count offsets one by one, which transaction markers break, and cost twice the time.
Here a batch is acknowledged when all that it led to is committed; what goes to the group is a hint for lag and `drain`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.phases import FetchedBatch
from streams.tasks.assignment import StageTasks
from streams.transport.acknowledgements import Acknowledgements
from streams.transport.reader import BatchReader

WAIT_S = 0.25


class RebalanceListener(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    """Faust's listener for rebalances."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Keep the group's client from fetching what the readers will read."""
        self._thread._consumer.pause(*assigned)
        await super().on_partitions_assigned(assigned)


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The group's client."""

    def touch(self) -> None:
        """Say that we are alive: the client leaves the group when nobody wants records of it for long."""
        with self._consumer._subscription.fetch_context():
            pass


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer for the topics of the tasks."""

    RebalanceListener = RebalanceListener

    def __init__(self, *args: Any, **options: Any) -> None:
        self._readers: set[BatchReader] = set()
        self._fetched: asyncio.Queue[tuple[BatchReader, FetchedBatch]] = asyncio.Queue()
        self._acknowledged = Acknowledgements()
        self._reported: dict[TP, int] = {}
        super().__init__(*args, **options)

    @property
    def _tasks_here(self) -> StageTasks:
        tasks: StageTasks = self.app.stage_tasks
        return tasks

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- where to read

    async def perform_seek(self) -> None:
        """Read on for every task at the positions in its changelog, whatever the group's committed offsets are."""
        await self._stop_readers()
        self._reported.clear()
        committed: dict[TP, int] = {}
        for task in self._tasks_here.active():
            positions = {topic: task.position(topic) for topic in task.stage.topics}
            committed |= {
                TP(topic, task.partition): offset for topic, offset in positions.items() if offset is not None
            }
            reader = BatchReader(self._tasks_here.kafka, task.partition, positions, self._deliver, self.app.fail)
            self._readers.add(reader)
        self._acknowledged.begin(committed)

    async def _stop_readers(self) -> None:
        """Drop what they have delivered and no task has taken: it will be read again."""
        stopped, self._readers = self._readers, set()
        self._tasks_here.discard_waiting()
        await asyncio.gather(*(reader.stop() for reader in stopped))

    def _deliver(self, reader: BatchReader, batch: FetchedBatch) -> None:
        self._fetched.put_nowait((reader, batch))

    # -- batches in

    async def _drain_messages(self, fetcher: Any) -> None:
        """Faust's fetch loop, run as a task of its fetcher service until that stops."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                try:
                    reader, batch = await asyncio.wait_for(self._fetched.get(), WAIT_S)
                except TimeoutError:
                    continue
                if reader in self._readers and self.flow_active:
                    await self._hand_over(reader, batch)
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _hand_over(self, reader: BatchReader, batch: FetchedBatch) -> None:
        """Give a batch to the agent of its task. One without records goes no further."""
        positions = {TP(topic, reader.partition): offset for topic, offset in batch.positions.items()}
        if not batch.records and not batch.refused:
            self._acknowledged.pass_over(reader, positions)
            reader.proceed()
            return
        self._acknowledged.hand_over(reader)
        acknowledge = partial(self._acknowledged.acknowledge, reader, positions)
        handed_over = batch._replace(proceed=reader.proceed, acknowledge=acknowledge)
        topic, behind = next(iter(batch.positions.items()))
        message = ConsumerMessage(
            topic, reader.partition, behind - 1, 0.0, 0, (), b"", handed_over, None,
            tp=TP(topic, reader.partition), generation_id=self.app.consumer_generation_id,
        )  # fmt: skip
        await self.callback(message)

    def lag(self) -> dict[str, int]:
        """Count by topic the records that are in Kafka and not acknowledged by a task, as far as the readers know."""
        lag: dict[str, int] = defaultdict(int)
        for reader in self._readers:
            for topic, end in reader.ends.items():
                lag[topic] += max(0, end - self._acknowledged.until.get(TP(topic, reader.partition), 0))
        return lag

    def acknowledged(self, topic: str, partition: int) -> int:
        """Return the offset behind what a task has read and committed; 0 if it has nothing yet. For any thread."""
        return self._acknowledged.until.get(TP(topic, partition), 0)

    # -- acknowledgements out

    async def force_commit(self, *_: object, **__: object) -> bool:
        """Report to the group how far the tasks have committed."""
        self._thread.touch()
        assigned = self.assignment()
        offsets = {
            partition: offset
            for partition, offset in self._acknowledged.until.items()
            if partition in assigned and offset > self._reported.get(partition, -1)
        }
        if not offsets:
            return False
        done: bool = await self._commit(offsets)
        if done:
            self._reported.update(offsets)
        return done

    async def wait_empty(self) -> None:
        """Let batches in flight finish, drop the rest, report to the group: a rebalance or a stop is next."""
        await self._tasks_here.suspend()
        await self.commit()
        await self._stop_readers()

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: Faust would warn that nothing is fetched."""

    def ack(self, message: Any) -> bool:
        """Forget a message: Faust acknowledges it when its agent takes the next one, which says nothing here."""
        self._unacked_messages.discard(message)
        return False


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with the consumer above."""

    Consumer = Consumer
