"""Receives a batch while the one before is written, and acknowledges what is in ClickHouse.

When ClickHouse is slow or away, partitions are paused and the process goes on polling, so that it stays in its group.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from runtime.errors import TerminalError
from runtime.kafka.clients import CONSUMER_CONFIG, ClientConfig
from runtime.kafka.consumed import records_of
from runtime.retrying import Stopped
from schemas.groups import SINK
from settings import Settings
from sinks import metrics
from sinks.clickhouse.batch import InsertBatch
from sinks.clickhouse.writer import Writer

MAX_MESSAGES = 50_000
MAX_BYTES = 32 * 1024 * 1024
# Between two inserts while little comes. Each takes some 5 ms of ClickHouse's CPU for each table, however few its rows
# are, and as much again for merging.
INTERVAL_S = 0.5
GATHER_S = 0.05  # within it comes what follows from an event
POLL_S = 0.2
PATIENCE_S = 1.0
STOP_TIMEOUT_S = 1.5
_TAKEN_AT_ONCE = 200  # few, so that large messages are noticed before memory is full

logger = logging.getLogger(__name__)
Partition = tuple[str, int]


class ReceivedMessages(msgspec.Struct):
    """Messages, and the positions to commit once they are written; `assignment`: under which they came."""

    messages: list[Message]
    positions: list[TopicPartition]
    assignment: int


class BatchInFlight(msgspec.Struct):
    """A batch on its way to ClickHouse."""

    done: Future[None]
    positions: list[TopicPartition]


class SinkLoop:
    """Runs until `stopping` is set. While a thread writes one batch, the next is received and decoded."""

    def __init__(self, settings: Settings, writer: Writer, stopping: threading.Event) -> None:
        self._kafka = settings.kafka
        self._writer = writer
        self._stopping = stopping
        self._writing: BatchInFlight | None = None
        self._early: list[Message] = []  # received while waiting, for the next batch
        self._committed: dict[Partition, int] = {}
        self._inserted_at = 0.0  # when the last insert began, by the monotonic clock
        self._assignment = 0  # counts the assignments: what was received under an older one is not ours to acknowledge
        self.is_assigned = False
        self._consumer = Consumer(_consumer_config(settings), logger=logger)

    def run(self) -> None:
        """Write until stopped. Raises TerminalError when Kafka or ClickHouse says that going on makes no sense."""
        self._consumer.subscribe(
            list(SINK.reads), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )
        try:
            while not self._stopping.is_set():
                received = self._receive()
                batch = self._writer.prepare(received.messages)
                if self._await_written() and received.assignment == self._assignment:
                    self._start_writing(batch, received.positions)
            if not self._acknowledge_within(STOP_TIMEOUT_S):
                raise Stopped
        except Stopped:
            logger.info("stopped before ClickHouse took the last batch; it is read again at the next start")
        finally:
            self._consumer.close()

    def _receive(self) -> ReceivedMessages:
        """Take what comes until the next insert is due, as much as a batch may hold; nothing if nothing comes."""
        messages, self._early = self._early, []
        size, assignment = 0, self._assignment
        ends_at = self._next_insert_at() if messages else time.monotonic() + POLL_S
        while len(messages) < MAX_MESSAGES and size < MAX_BYTES and (left_s := ends_at - time.monotonic()) > 0:
            taken = self._take(min(_TAKEN_AT_ONCE, MAX_MESSAGES - len(messages)), left_s)
            if assignment != self._assignment:
                messages, size, assignment = [], 0, self._assignment
            if taken and not messages:
                ends_at = self._next_insert_at()
            messages += taken
            size += sum(len(message.value() or b"") for message in taken)
        return ReceivedMessages(messages, self._new_positions(), assignment)

    def _next_insert_at(self) -> float:
        """Return when to insert what begins to come: soon after a pause, otherwise an interval after the last one."""
        return max(time.monotonic() + GATHER_S, self._inserted_at + INTERVAL_S)

    def _take(self, limit: int, timeout_s: float) -> list[Message]:
        return list(records_of(self._consumer.consume(limit, timeout_s), self._kafka, logging.WARNING))

    def _await_written(self) -> bool:
        """Wait for the batch on its way; False if the process is to stop first.

        When that takes long, pause and poll, so that the group keeps its member.
        """
        if self._acknowledge_within(PATIENCE_S):
            return True
        while not self._stopping.is_set() and not self._acknowledge_within(0):
            self._consumer.pause(self._consumer.assignment())
            self._early += self._take(1, POLL_S)  # of partitions that were assigned just now
        self._consumer.resume(self._consumer.assignment())
        return self._writing is None

    def _start_writing(self, batch: InsertBatch, positions: list[TopicPartition]) -> None:
        if batch.inserts or batch.failures:
            self._inserted_at = time.monotonic()
            self._writing = BatchInFlight(_in_thread(lambda: self._writer.write(batch)), positions)
            metrics.IN_FLIGHT.set(1)
        else:
            self._commit(positions)  # transaction markers only

    def _acknowledge_within(self, timeout_s: float) -> bool:
        """Acknowledge the batch on its way if it arrives in time; whether none is left. Raises what stopped it."""
        if self._writing is None:
            return True
        if not wait([self._writing.done], timeout_s).done:
            return False
        writing, self._writing = self._writing, None
        metrics.IN_FLIGHT.set(0)
        writing.done.result()
        self._commit(writing.positions)
        return True

    def _new_positions(self) -> list[TopicPartition]:
        """Where the consumer stands, past markers and aborted records too, unless that is committed already."""
        positions = [
            position for position in self._consumer.position(self._consumer.assignment()) if position.offset >= 0
        ]
        lag = dict.fromkeys(SINK.reads, 0)
        for position in positions:
            _, end = self._consumer.get_watermark_offsets(position, cached=True)
            lag[position.topic] += max(end - position.offset, 0)
        for topic, records in lag.items():
            metrics.LAG.labels(topic).set(records)
        return [position for position in positions if self._committed.get(_partition(position)) != position.offset]

    def _commit(self, positions: list[TopicPartition]) -> None:
        if not positions:
            return
        try:
            self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            logger.warning("offsets not committed, rows may be written again: %s", error)
            return
        self._committed |= {_partition(position): position.offset for position in positions}

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        logger.info("reading %d partitions", len(partitions))
        self._assignment += 1
        self.is_assigned = True

    def _on_revoke(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        """Acknowledge what is written; whoever owns the partitions next starts there."""
        try:
            self._acknowledge_within(0 if self._stopping.is_set() else STOP_TIMEOUT_S)
        except (Stopped, TerminalError) as error:
            logger.warning("the last batch is not acknowledged: %s", error)
        if self._writing is not None:
            self._writing.positions = []  # it goes on, and the next batch waits for it
        self._early = []
        self._committed = {}
        self._assignment += 1
        self.is_assigned = False


def _in_thread(work: Callable[[], None]) -> Future[None]:
    done: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=run, name="clickhouse-writer", daemon=True).start()
    return done


def _partition(position: TopicPartition) -> Partition:
    return position.topic, position.partition


def _consumer_config(settings: Settings) -> ClientConfig:
    return CONSUMER_CONFIG | {
        "bootstrap.servers": settings.kafka,
        "group.id": SINK.name,
        "group.instance.id": SINK.member(settings.worker),
        "client.id": SINK.name,
        "session.timeout.ms": 10_000,
        "fetch.max.bytes": MAX_BYTES,
        "queued.min.messages": MAX_MESSAGES,
        "queued.max.messages.kbytes": MAX_BYTES // 1024,
    }
