"""The sink's loop: receive a batch while the one before is written, acknowledge what is in ClickHouse.

When ClickHouse is slow or away, partitions are paused and the process goes on polling, so that it stays in its group.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from settings import Settings
from sinks import metrics
from sinks.clickhouse.rows import ROWS
from sinks.clickhouse.writer import Stopped
from sinks.errors import TerminalError

GROUP = "onefold-sink"
TOPICS = tuple(ROWS)
MAX_MESSAGES = 20_000
MAX_BYTES = 32 * 1024 * 1024
LINGER_S = 0.2
STOP_TIMEOUT_S = 4.0
_CHUNK = 200  # messages are taken in chunks, so that large ones are noticed before memory is full

logger = logging.getLogger(__name__)
Partition = tuple[str, int]


class Writing(msgspec.Struct):
    """A batch on its way, and the positions to commit once it has arrived."""

    done: Future[None]
    positions: list[TopicPartition]


class Process:
    """Runs until `stopping` is set. `write` is called in a thread of its own, never twice at once."""

    def __init__(self, settings: Settings, write: Callable[[list[Message]], None], stopping: threading.Event) -> None:
        self._write = write
        self._stopping = stopping
        self._received: list[Message] = []
        self._received_bytes = 0
        self._writing: Writing | None = None
        self._committed: dict[Partition, int] = {}
        self._paused = False
        self.is_assigned = False
        self._consumer = Consumer(_consumer_config(settings), logger=logger)

    def run(self) -> None:
        """Raises TerminalError when Kafka or `write` says that going on makes no sense."""
        self._consumer.subscribe(
            list(TOPICS), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            while not self._stopping.is_set():
                self._receive()
                self._settle(timeout_s=0)
                if self._writing is None:
                    self._start_writing()
            self._settle(STOP_TIMEOUT_S)
        except Stopped:
            logger.info("stopped before ClickHouse took the last batch; it is read again at the next start")
        finally:
            self._consumer.close()

    def _receive(self) -> None:
        """Fill the batch for the length of the linger; while it is full, only keep the membership alive."""
        deadline = time.monotonic() + LINGER_S
        while not self._is_full() and (left_s := deadline - time.monotonic()) > 0:
            self._take(self._consumer.consume(min(_CHUNK, MAX_MESSAGES - len(self._received)), left_s))
        if self._is_full() and self._writing is not None and not self._writing.done.done():
            self._pause()
            self._take(self._consumer.consume(1, LINGER_S / 4))

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self._received.append(message)
                self._received_bytes += len(message.value() or b"")
            elif error.fatal():
                raise TerminalError(f"Kafka: {error.str()}")
            else:
                logger.warning("Kafka: %s", error.str())

    def _is_full(self) -> bool:
        return len(self._received) >= MAX_MESSAGES or self._received_bytes >= MAX_BYTES

    def _start_writing(self) -> None:
        positions = self._new_positions()
        if not self._received:
            self._commit(positions)  # transaction markers only
            return
        messages, self._received, self._received_bytes = self._received, [], 0
        self._writing = Writing(_in_thread(lambda: self._write(messages)), positions)
        self._resume()

    def _settle(self, timeout_s: float) -> None:
        """Acknowledge the batch on its way if it has arrived. Raises what stopped it."""
        if self._writing is None or not wait([self._writing.done], timeout_s).done:
            return
        writing, self._writing = self._writing, None
        writing.done.result()
        self._commit(writing.positions)

    def _new_positions(self) -> list[TopicPartition]:
        """Where the consumer stands, past markers and aborted records too, unless that is committed already."""
        positions = [
            position for position in self._consumer.position(self._consumer.assignment()) if position.offset >= 0
        ]
        lag = dict.fromkeys(TOPICS, 0)
        for position in positions:
            _, end = self._consumer.get_watermark_offsets(position, cached=True)
            lag[position.topic] += max(end - position.offset, 0)
        for topic, records in lag.items():
            metrics.LAG.labels(topic).set(records)
        return [position for position in positions if self._committed.get(_place(position)) != position.offset]

    def _commit(self, positions: list[TopicPartition]) -> None:
        if not positions:
            return
        try:
            self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            logger.warning("offsets not committed, rows may be written again: %s", error)
            return
        self._committed |= {_place(position): position.offset for position in positions}

    def _pause(self) -> None:
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True

    def _resume(self) -> None:
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        logger.info("reading %d partitions", len(partitions))
        self.is_assigned = True
        self._paused = False

    def _on_revoke(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        try:
            self._settle(STOP_TIMEOUT_S)
        except (Stopped, TerminalError) as error:
            logger.warning("the last batch is not acknowledged: %s", error)
        self._forget()

    def _on_lost(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._forget()

    def _forget(self) -> None:
        """Whoever owns the partitions next starts at the committed offsets."""
        self.is_assigned = False
        self._received, self._received_bytes = [], 0
        self._writing = None
        self._committed = {}


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


def _place(position: TopicPartition) -> Partition:
    return position.topic, position.partition


def _consumer_config(settings: Settings) -> dict[str, str | int | float | bool]:
    return {
        "bootstrap.servers": settings.kafka,
        "group.id": GROUP,
        # Static membership: a sink that was killed has its partitions back as soon as it is started again.
        "group.instance.id": f"{GROUP}-{settings.worker}",
        "client.id": GROUP,
        "session.timeout.ms": 10_000,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 100,
        "fetch.max.bytes": MAX_BYTES,
        "queued.min.messages": MAX_MESSAGES,
        "queued.max.messages.kbytes": MAX_BYTES // 1024,
    }
