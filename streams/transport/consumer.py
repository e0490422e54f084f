"""The consumer: hands a partition's whole fetched chunk to an agent as one message, and keeps its own positions.

Faust's own consumer commits past failed messages and counts offsets one by one, which transaction markers break.
Here a chunk is acknowledged when its lane has committed it; what goes to the group is a hint for lag and `drain`.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.lane import Chunk
from streams.lanes import Lanes
from streams.phases import Record

FETCH_MAX_WAIT_MS = 50
POLL_S = 0.05
CHUNKS_AHEAD = 2  # one being worked on, one waiting


class _Pending:
    """A chunk that was handed out and is not committed yet."""

    __slots__ = ("done", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.done = False


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Reads committed records only, and does not let a quiet partition hold up a busy one."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        return consumer


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer for the topics of the lanes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._pending: dict[TP, deque[_Pending]] = defaultdict(deque)
        self._next: dict[TP, int] = {}
        self._idle_at: dict[TP, int] = {}
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
        """Seek every input to the position in its lane's changelog; the group's committed offset is not asked."""
        self._forget()
        inputs = [tp for tp in self.assignment() if self._lanes.is_input(tp.topic)]
        unread = [tp for tp in inputs if self._lane_position(tp) is None]
        earliest = await self.earliest_offsets(*unread) if unread else {}
        positions = {tp: self._lane_position(tp) for tp in inputs}
        seek = {tp: at if at is not None else earliest.get(tp, 0) for tp, at in positions.items()}
        if seek:
            await self.seek_wait(seek)
            self._next.update(seek)

    def _lane_position(self, tp: TP) -> int | None:
        lane = self._lanes.of(tp.topic, tp.partition)
        return None if lane is None else lane.position(tp.topic)

    def _forget(self) -> None:
        self._lanes.discard_waiting()
        for state in (self._pending, self._next, self._idle_at, self._sent):
            state.clear()

    # -- chunks in

    async def _drain_messages(self, fetcher: Any) -> None:
        """Faust's fetch loop, run as a task of its fetcher service until that stops."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)
                    continue
                await self._fetch()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _fetch(self) -> None:
        wanted = {tp for tp in self._get_active_partitions() if tp in self._next and self._has_room(tp)}
        if not wanted:
            await asyncio.sleep(POLL_S / 10)
            return
        generation = self.app.consumer_generation_id
        fetched = await self._getmany(active_partitions=wanted, timeout=POLL_S)
        await asyncio.sleep(0)
        if not self.flow_active or self.app.consumer_generation_id != generation:
            return  # a rebalance came between: perform_seek will read these records again
        for key, records in fetched.items():
            await self._hand_over(TP(key.topic, key.partition), records, generation)
        self._note_idle(wanted)

    def _has_room(self, tp: TP) -> bool:
        return len(self._pending[tp]) < CHUNKS_AHEAD

    async def _hand_over(self, tp: TP, records: list[aiokafka.ConsumerRecord], generation: int) -> None:
        wanted = self._next.get(tp)
        if wanted is None:
            return
        fresh = [record for record in records if record.offset >= wanted]
        if not fresh:
            return
        last = fresh[-1]
        entry = _Pending(last.offset + 1)
        chunk = Chunk(tp.topic, [_record(record) for record in fresh], entry.position, self._acknowledger(entry))
        self._pending[tp].append(entry)
        self._next[tp] = entry.position
        message = ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000.0, last.timestamp_type, (), b"", chunk, None,
            tp=tp, generation_id=generation,
        )  # fmt: skip
        await self.callback(message)

    def _acknowledger(self, entry: _Pending) -> Any:
        def acknowledge() -> None:
            entry.done = True

        return acknowledge

    def _note_idle(self, tps: Iterable[TP]) -> None:
        """A partition with nothing pending stands at the client's position, which lies behind transaction markers.

        Called right after a fetch was handed over, so that no record can be between the client and `_pending`.
        """
        states = self._thread._consumer._subscription.subscription.assignment
        for tp in tps:
            self._settle(tp)
            if not self._pending[tp]:
                state = states.state_value(driver.ensure_aiokafka_TP(tp))
                if state is not None and state.has_valid_position:
                    self._idle_at[tp] = max(state.position, self._next.get(tp, 0))

    def lag(self) -> dict[str, int]:
        """Records by topic that are in Kafka and not committed by a lane; of what the client has heard of so far."""
        lag: dict[str, int] = defaultdict(int)
        states = self._thread._consumer._subscription.subscription.assignment
        for tp in self.assignment():
            if self._lanes.is_input(tp.topic):
                self._settle(tp)
                highwater = states.state_value(driver.ensure_aiokafka_TP(tp)).highwater
                lag[tp.topic] += max(0, (highwater or 0) - self._idle_at.get(tp, highwater or 0))
        return lag

    # -- acknowledgements out

    def _settle(self, tp: TP) -> None:
        """Forget what is committed, from the front: only a contiguous prefix counts."""
        queue = self._pending[tp]
        while queue and queue[0].done:
            self._idle_at[tp] = queue.popleft().position

    async def force_commit(self, *_: object, **__: object) -> bool:
        """Tell the group how far the lanes have committed."""
        offsets = self._new_offsets()
        if not offsets:
            return False
        done: bool = await self._commit(offsets)
        if done:
            self._sent.update(offsets)
        return done

    def _new_offsets(self) -> Mapping[TP, int]:
        assigned = self.assignment()
        for tp in list(self._pending):
            self._settle(tp)
        return {tp: at for tp, at in self._idle_at.items() if tp in assigned and at > self._sent.get(tp, -1)}

    async def wait_empty(self) -> None:
        """Before a rebalance or a stop: let batches in flight finish, drop the rest, tell the group."""
        await self._lanes.suspend()
        await self.commit()

    def ack(self, message: Any) -> bool:
        """Faust acknowledges a message when its agent asks for the next one; that says nothing here."""
        self._unacked_messages.discard(message)
        return False


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with the consumer above."""

    Consumer = Consumer


def _record(record: aiokafka.ConsumerRecord) -> Record:
    return Record(record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers))
