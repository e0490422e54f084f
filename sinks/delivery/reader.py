"""Reads the activation topics, and has a task for each partition number that is this process's.

All activation topics have the same number of partitions. The group shares out those of one topic, `deliveries`, of
which nothing is read; whoever has a number of it reads that number of every destination's topic. So a destination that
is defined, or gone, concerns nobody's tasks: its topic is read as well, or not any more.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TypeVar, cast

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Message, TopicPartition

from runtime.kafka.clients import CONSUMER_CONFIG, ClientConfig
from runtime.kafka.consumed import records_of
from runtime.kafka.errors import errors_sorted
from schemas.groups import DELIVERER
from schemas.topics import CONSENTS, DELIVERIES
from settings import Settings
from sinks.delivery.rounds import IncomingRecord
from sinks.delivery.task import DeliveryTask
from state.outputs import Headers

log = logging.getLogger(__name__)

POLL_S = 0.25
TAKEN_AT_ONCE = 1_000
ACKNOWLEDGE_EVERY_S = 0.25
ACKNOWLEDGE_ALL_EVERY_S = 3_600.0
"""Kafka forgets after some days what a group has said of topics that it does not subscribe to."""
ANSWER_S = 30.0
MAX_POLL_INTERVAL_MS = 900_000
"""Within a rebalance stores are recovered."""

Answer = TypeVar("Answer")
Partition = tuple[str, int]


class TaskReader:
    """Made in the event loop that the tasks live in; the consumer is polled by a thread of its own."""

    def __init__(
        self, settings: Settings, open_task: Callable[[int], Awaitable[DeliveryTask]], on_share: Callable[[float], None]
    ) -> None:
        self._settings = settings
        self._open_task = open_task
        self._on_share = on_share
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="poll")
        self._consumer = Consumer(_consumer_config(settings), logger=log)
        self._topics: tuple[str, ...] = ()
        self._since: Mapping[str, int] = {}  # by topic, the time (ms) of the first record that is wanted
        self._begins: dict[tuple[Partition, int], int] = {}  # by partition and such a time, the offset of that record
        self._paused: set[Partition] = set()
        self._placed: dict[Partition, int] = {}  # where it was begun to read
        self._handed: dict[Partition, int] = {}  # the offset behind the last record that a task was handed
        self._consents: dict[int, tuple[int, int]] = {}  # by partition, what is to be read before anything is sent
        self._acknowledged: dict[Partition, int] = {}
        self._acknowledged_at = self._all_acknowledged_at = time.monotonic()
        self._polled_at = time.monotonic()
        self.tasks: dict[int, DeliveryTask] = {}
        self.is_assigned = False

    def is_member(self) -> bool:
        """Return whether the group cannot have given the partitions to others by now."""
        return time.monotonic() - self._polled_at < self._settings.session_timeout_ms / 1000

    async def read(self, topics: Sequence[str], since: Mapping[str, int] | None = None) -> None:
        """Hand over what comes of these topics within a moment. Raises TransientError, TerminalError.

        `since`: by topic, the time (ms) before which its records are for nobody here; of the others all are.
        """
        wanted, since = tuple(sorted(topics)), since or {}
        if (wanted, since) != (self._topics, self._since):
            await self._call(lambda: self._change(wanted, since))
        self._submit(await self._call(self._poll))
        await self._call(self._keep_up)

    async def close(self) -> None:
        """Close the tasks, then leave; a static member has its partitions back if it returns in time."""
        await self._close_tasks()
        await self._call(self._consumer.close)
        self._thread.shutdown()

    async def _call(self, work: Callable[[], Answer]) -> Answer:
        return await self._loop.run_in_executor(self._thread, work)

    # -- in the thread

    def _change(self, topics: tuple[str, ...], since: Mapping[str, int]) -> None:
        """Read these topics from now on; join the group if nothing was read before."""
        before, self._topics, self._since = self._topics, topics, since
        with errors_sorted(self._settings.kafka):
            if not before:
                self._consumer.subscribe(
                    [DELIVERIES], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
                )
            elif self.tasks:
                self._assign()

    def _assign(self) -> None:
        """Read the topics' partitions that are this process's from where their tasks are.

        What a task was handed and has not admitted comes twice: it drops what it has admitted.
        """
        self._forget_replaced()
        placed = [
            TopicPartition(topic, number, self._start(task, topic))
            for (number, task), topic in product(self.tasks.items(), self._topics)
        ]
        self._consumer.assign(placed)
        self._paused.intersection_update((each.topic, each.partition) for each in placed)
        self._consumer.pause([each for each in placed if (each.topic, each.partition) in self._paused])
        self._placed = {(each.topic, each.partition): each.offset for each in placed}

    def _forget_replaced(self) -> None:
        """Begin anew with topics that end before where their task is: somebody has deleted those, and made others."""
        known = [
            TopicPartition(topic, number, OFFSET_END)
            for (number, task), topic in product(self.tasks.items(), self._topics)
            if topic in task.positions and (topic, number) not in self._placed
        ]
        for each in self._consumer.offsets_for_times(known, timeout=ANSWER_S) if known else ():
            if each.error is not None:
                raise KafkaException(each.error)
            positions = self.tasks[each.partition].positions
            if each.offset < positions[each.topic]:
                log.warning("%s, partition %d: is a new topic, and read from its beginning", each.topic, each.partition)
                del positions[each.topic]
                for noted in (self._handed, self._acknowledged):
                    noted.pop((each.topic, each.partition), None)

    def _start(self, task: DeliveryTask, topic: str) -> int:
        admitted_to = task.positions.get(topic, OFFSET_BEGINNING)
        since = self._since.get(topic)
        return admitted_to if since is None else max(admitted_to, self._first_since((topic, task.partition), since))

    def _first_since(self, partition: Partition, since: int) -> int:
        """Return the offset of the first record from a time (ms) on, else the end."""
        if (partition, since) not in self._begins:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=ANSWER_S)
            (found,) = self._consumer.offsets_for_times([TopicPartition(*partition, since)], timeout=ANSWER_S)
            if found.error is not None:
                raise KafkaException(found.error)
            self._begins[partition, since] = found.offset if found.offset >= 0 else end
        return self._begins[partition, since]

    def _read_to(self, partitions: list[TopicPartition]) -> dict[Partition, int]:
        """Return up to where partitions were read, markers included; the client knows it once something has come."""
        positions = self._consumer.position(partitions)
        at = {(each.topic, each.partition): each.offset for each in positions}
        return {each: offset if offset >= 0 else self._placed[each] for each, offset in at.items()}

    def _poll(self) -> list[Message]:
        """Wait for a first record, and take what has come with it."""
        with errors_sorted(self._settings.kafka):
            first = self._consumer.poll(POLL_S)
            self._polled_at = time.monotonic()
            if first is None:
                return []
            messages = [first, *self._consumer.consume(TAKEN_AT_ONCE, 0)]
        return list(records_of(messages, self._settings.kafka, logging.WARNING))

    def _keep_up(self) -> None:
        """Read no faster than tasks admit, read again what they have skipped, acknowledge what they have committed."""
        with errors_sorted(self._settings.kafka):
            self._pause()
            for task in list(self.tasks.values()):
                if not task.is_informed and self._has_read_consents(task):
                    self._loop.call_soon_threadsafe(task.inform)
            self._read_again()
            if time.monotonic() - self._acknowledged_at > ACKNOWLEDGE_EVERY_S:
                self._acknowledged_at = time.monotonic()
                self._acknowledge()

    def _pause(self) -> None:
        """Read no more of the topics of which much waits, until little does."""
        full = {(topic, number) for number, task in self.tasks.items() for topic in task.arrived.full()}
        room = {each for each in self._paused if self.tasks[each[1]].arrived.has_room(each[0])}
        self._consumer.pause([TopicPartition(*each) for each in full - self._paused])
        self._consumer.resume([TopicPartition(*each) for each in room])
        self._paused = (self._paused | full) - room

    def _read_again(self) -> None:
        """Begin anew where a task has skipped something, once it has nothing left of the topics of that."""
        skipped = {task: list(task.skipped) for task in self.tasks.values() if task.skipped}
        skipping = {task: of_it for task, of_it in skipped.items() if not task.is_waiting(of_it)}
        for task, of_it in skipping.items():
            task.skipped.difference_update(of_it)  # those alone: the task may skip others meanwhile
        if skipping:
            self._assign()

    def _has_read_consents(self, task: DeliveryTask) -> bool:
        """Return whether the task knows what people had said when it was opened."""
        start, end = self._consents[task.partition]
        (read_to,) = self._read_to([TopicPartition(CONSENTS, task.partition)]).values()
        handed = self._handed.get((CONSENTS, task.partition), 0)
        return max(start, read_to) >= end and task.positions.get(CONSENTS, 0) >= handed

    def _acknowledge(self) -> None:
        """Commit how far everything is admitted, markers included: what waits for it is told so, nothing else is."""
        if time.monotonic() - self._all_acknowledged_at > ACKNOWLEDGE_ALL_EVERY_S:
            self._all_acknowledged_at = time.monotonic()
            self._acknowledged.clear()
        positions = []
        for (topic, number), offset in self._read_to(self._consumer.assignment()).items():
            task = self.tasks.get(number)
            if task is None or offset < 0 or topic in task.skipped:
                continue
            is_admitted = task.positions.get(topic, 0) >= self._handed.get((topic, number), 0)
            if is_admitted and self._acknowledged.get((topic, number), -1) < offset:
                positions.append(TopicPartition(topic, number, offset))
        if not positions:
            return
        try:
            self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            log.debug("offsets not committed: %s", error)  # a later commit covers them
            return
        self._acknowledged |= {(each.topic, each.partition): each.offset for each in positions}

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {each.partition for each in partitions}
        self._wait_for(self._open_tasks(numbers))
        self._assign()
        self._consents = {number: self._consents_of(number) for number in numbers}
        log.info("reading partitions %s of %d topics", sorted(numbers), len(self._topics))
        self._polled_at = time.monotonic()
        self.is_assigned = True

    def _consents_of(self, partition: int) -> tuple[int, int]:
        """Return from where to where a task has to read what people have said before it may send."""
        place = TopicPartition(CONSENTS, partition)
        first, end = self._consumer.get_watermark_offsets(place, timeout=ANSWER_S)
        return max(first, self.tasks[partition].positions.get(CONSENTS, 0)), end

    def _on_revoke(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self.is_assigned = False
        self._wait_for(self._close_tasks())

    def _wait_for(self, work: Awaitable[None]) -> None:
        asyncio.run_coroutine_threadsafe(_as_coroutine(work), self._loop).result()

    # -- in the event loop

    async def _open_tasks(self, numbers: Iterable[int]) -> None:
        opened = sorted(numbers)
        tasks = await asyncio.gather(*(self._open_task(number) for number in opened))
        self.tasks = dict(zip(opened, tasks, strict=True))
        self._on_share(len(opened) / max(self._settings.partitions, len(opened)))

    async def _close_tasks(self) -> None:
        tasks, self.tasks = self.tasks, {}
        self._paused, self._handed, self._acknowledged = set(), {}, {}
        closed = await asyncio.gather(*(task.close() for task in tasks.values()), return_exceptions=True)
        for failure in closed:  # once no store is open any more: it may be another task's at once
            if failure is not None:
                raise failure

    def _submit(self, messages: list[Message]) -> None:
        by_partition: dict[int, list[IncomingRecord]] = defaultdict(list)
        for message in messages:
            record = _record(message)
            if record.partition in self.tasks and record.topic in self._topics:
                by_partition[record.partition].append(record)
                self._handed[record.topic, record.partition] = record.offset + 1
        for partition, records in by_partition.items():
            self.tasks[partition].submit(records)


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work


def _record(message: Message) -> IncomingRecord:
    headers = cast("Headers", tuple(message.headers() or ()))
    offset, partition = message.offset() or 0, message.partition() or 0
    return IncomingRecord(message.topic() or "", partition, offset, message.key(), message.value(), headers)


def _consumer_config(settings: Settings) -> ClientConfig:
    return CONSUMER_CONFIG | {
        "bootstrap.servers": settings.kafka,
        "group.id": DELIVERER.name,
        "group.instance.id": DELIVERER.member(settings.worker),
        "client.id": DELIVERER.name,
        "session.timeout.ms": settings.session_timeout_ms,
        "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
        "partition.assignment.strategy": "range",
        "fetch.wait.max.ms": 50,
        "queued.min.messages": 5_000,
        "queued.max.messages.kbytes": 16 * 1024,
    }
