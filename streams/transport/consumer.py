"""Faust's Kafka consumer, with readers of its own: hands what a lane can take to an agent as one message.

Faust's consumer keeps the group, the assignment and the group's offsets; it fetches nothing. Its own way of reading
would commit past failed messages, count offsets one by one, which transaction markers break, and cost twice the time.
Here a chunk is acknowledged when its lane has committed it; what goes to the group is a hint for lag and `drain`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.tasks.assignment import Lanes
from streams.tasks.task import Chunk
from streams.transport.reader import Arrived, Reader

WAIT_S = 0.25


class RebalanceListener(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Keep the group's client from fetching what the readers will read."""
        self._thread._consumer.pause(*assigned)
        await super().on_partitions_assigned(assigned)


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The group's client."""

    def touch(self) -> None:
        """Say that we are alive: the client leaves the group when nobody asks it for records for long."""
        with self._consumer._subscription.fetch_context():
            pass


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer for the topics of the lanes."""

    RebalanceListener = RebalanceListener

    def __init__(self, *args: Any, **options: Any) -> None:
        self._readers: set[Reader] = set()
        self._arrivals: asyncio.Queue[tuple[Reader, Arrived]] = asyncio.Queue()
        self._committed_until: dict[TP, int] = {}
        self._sent: dict[TP, int] = {}
        super().__init__(*args, **options)

    @property
    def _lanes(self) -> Lanes:
        lanes: Lanes = self.app.lanes
        return lanes

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- where to read

    async def perform_seek(self) -> None:
        """Read every lane of ours on at the positions in its changelog; the group's committed offset is not asked."""
        await self._stop_readers()
        self._committed_until.clear()
        self._sent.clear()
        for lane in self._lanes.open():
            positions = {topic: lane.position(topic) for topic in lane.stage.topics}
            self._committed_until |= {
                TP(topic, lane.partition): at for topic, at in positions.items() if at is not None
            }
            self._readers.add(Reader(self._lanes.kafka, lane.partition, positions, self._deliver, self.app.fail))

    async def _stop_readers(self) -> None:
        """What they have delivered and nobody has taken is dropped: it will be read again."""
        stopped, self._readers = self._readers, set()
        self._lanes.discard_waiting()
        await asyncio.gather(*(reader.stop() for reader in stopped))

    def _deliver(self, reader: Reader, arrived: Arrived) -> None:
        self._arrivals.put_nowait((reader, arrived))

    # -- chunks in

    async def _drain_messages(self, fetcher: Any) -> None:
        """Faust's fetch loop, run as a task of its fetcher service until that stops."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                try:
                    reader, arrived = await asyncio.wait_for(self._arrivals.get(), WAIT_S)
                except TimeoutError:
                    continue
                if reader in self._readers and self.flow_active:
                    await self._hand_over(reader, arrived)
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _hand_over(self, reader: Reader, arrived: Arrived) -> None:
        """Give a chunk to the agent of its lane, and let the reader go on once it is committed."""
        committed = {TP(topic, reader.partition): at for topic, at in arrived.positions.items()}

        def acknowledge() -> None:
            self._committed_until |= committed
            reader.proceed()

        if not arrived.records and not arrived.refused:
            acknowledge()
            return
        topic, behind = next(iter(arrived.positions.items()))
        message = ConsumerMessage(
            topic, reader.partition, behind - 1, 0.0, 0, (), b"",
            Chunk(arrived.records, arrived.positions, acknowledge, arrived.refused), None,
            tp=TP(topic, reader.partition), generation_id=self.app.consumer_generation_id,
        )  # fmt: skip
        await self.callback(message)

    def lag(self) -> dict[str, int]:
        """Records by topic that are in Kafka and not committed by a lane; of what the readers have heard of so far."""
        lag: dict[str, int] = defaultdict(int)
        for reader in self._readers:
            for topic, end in reader.ends.items():
                lag[topic] += max(0, end - self._committed_until.get(TP(topic, reader.partition), 0))
        return lag

    # -- acknowledgements out

    async def force_commit(self, *_: object, **__: object) -> bool:
        """Tell the group how far the lanes have committed."""
        self._thread.touch()
        assigned = self.assignment()
        offsets = {tp: at for tp, at in self._committed_until.items() if tp in assigned and at > self._sent.get(tp, -1)}
        if not offsets:
            return False
        done: bool = await self._commit(offsets)
        if done:
            self._sent.update(offsets)
        return done

    async def wait_empty(self) -> None:
        """Before a rebalance or a stop: let batches in flight finish, drop the rest, tell the group."""
        await self._lanes.suspend()
        await self.commit()
        await self._stop_readers()

    async def verify_all_partitions_active(self) -> None:
        """Faust would warn that nothing is fetched."""

    def ack(self, message: Any) -> bool:
        """Faust acknowledges a message when its agent asks for the next one; that says nothing here."""
        self._unacked_messages.discard(message)
        return False


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with the consumer above."""

    Consumer = Consumer
