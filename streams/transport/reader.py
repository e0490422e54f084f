"""A reader: the records of one lane, read by librdkafka in a thread of its own, one batch at a time.

librdkafka fetches ahead within bounds, so a lane that is ready finds everything there that has arrived meanwhile:
batches grow under backlog and shrink when idle by themselves. Which lanes there are, and where each goes on, is left
to the consumer.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.phases import Record

log = logging.getLogger(__name__)

MAX_RECORDS = 5_000
POLL_S = 0.2
PACE_S = 0.03  # from one batch to the next: each costs the broker a transaction, however small it is
NOTE_ENDS_EVERY_S = 0.5
_CONFIG: dict[str, str | int | float | bool] = {
    "enable.auto.commit": False,
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 500,  # an answer comes as soon as there is a record
    "fetch.error.backoff.ms": 50,
    "fetch.queue.backoff.ms": 2,
    "queued.min.messages": 4 * MAX_RECORDS,
    "queued.max.messages.kbytes": 4 * 1024,  # for each topic; the next record is fetched however large it is
    "max.partition.fetch.bytes": 2 * 1024 * 1024,
    "fetch.max.bytes": 8 * 1024 * 1024,
}


class Arrived(NamedTuple):
    """What was read. `positions`: by topic, the offset to go on at, behind transaction markers where it is the end."""

    records: list[Record]
    positions: dict[str, int]


class Reader:
    """Reads committed records of some topics of one partition number, from given offsets on.

    `deliver` is called in the reader's thread with what was read; nothing more is read before `proceed` is called.
    `fail` is called, once, with an error after which there is nothing to read; errors that may pass are waited out.
    """

    def __init__(
        self,
        kafka: str,
        partition: int,
        positions: Mapping[str, int | None],
        deliver: Callable[["Reader", Arrived], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.partition = partition
        self.ends = dict.fromkeys(positions, 0)
        """End of each topic as the broker last told it; 0 where it has not yet."""
        self._deliver = deliver
        self._fail = fail
        self._stopping = False
        self._noted_at = self._delivered_at = 0.0
        self._may_read = threading.Event()
        self._may_read.set()
        # The client wants a group's name; it never joins one, and nothing is committed by it.
        self._consumer = Consumer({**_CONFIG, "bootstrap.servers": kafka, "group.id": "onefold-reader"}, logger=log)
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING if at is None else at)
                for topic, at in positions.items()
            ]
        )
        self._thread = threading.Thread(target=self._run, name=f"reader-{'+'.join(positions)}-{partition}", daemon=True)
        self._thread.start()

    def proceed(self) -> None:
        """What was delivered has been worked on: read on."""
        self._may_read.set()

    def stop(self) -> None:
        """Deliver nothing any more. Returns at once; the thread ends by itself."""
        self._stopping = True
        self._may_read.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._may_read.wait()
                arrived = self._read()
                self._note_ends()
                if arrived.positions and not self._stopping:
                    self._may_read.clear()
                    self._delivered_at = time.monotonic()
                    self._deliver(self, arrived)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: told to whoever runs the worker
            if not self._stopping:
                self._fail(error)
        finally:
            self._consumer.close()

    def _read(self) -> Arrived:
        """Everything that is there, once there is something."""
        records: list[Record] = []
        positions: dict[str, int] = {}
        first = self._consumer.poll(POLL_S)
        if first is None:
            return Arrived(records, positions)
        time.sleep(max(0.0, self._delivered_at + PACE_S - time.monotonic()))
        messages = [first, *self._consumer.consume(MAX_RECORDS - 1, 0)]
        for message in messages:
            topic, offset, error = message.topic() or "", message.offset() or 0, message.error()
            if error is None:
                records.append(_record(message, topic, self.partition, offset))
                positions[topic] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                positions[topic] = offset
            elif not error.retriable():
                raise KafkaException(error)
        return Arrived(records, positions)

    def _note_ends(self) -> None:
        """Not done by who asks: the client locks up when another thread asks it while it reads."""
        now = time.monotonic()
        if now - self._noted_at > NOTE_ENDS_EVERY_S:
            self._noted_at = now
            for topic in self.ends:
                _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, self.partition), cached=True)
                self.ends[topic] = max(int(high), 0)


def _record(message: Message, topic: str, partition: int, offset: int) -> Record:
    headers = message.headers()
    return Record(topic, partition, offset, message.key(), message.value(), tuple(headers) if headers else ())  # type: ignore[arg-type]
