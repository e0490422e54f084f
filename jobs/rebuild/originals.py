"""Accepted bytes of events from `events.resolved`, by their places: for rows that an older release wrote without them.

Exact but slow: some milliseconds for each event that lies alone.
"""

import time
import uuid
from collections.abc import Iterable, Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from jobs.rebuild import metrics
from runtime.errors import TerminalError, TransientError
from schemas import topics
from warehouse.queries.replays import Row

GATHERED = 500
READ_ON = 2_000  # records that are read over rather than leapt over
ANSWER_TIMEOUT_S = 30.0


class Originals:
    """One Kafka, for one thread. Connects with the first question."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._known: Consumer | None = None
        self._at: tuple[int, int] | None = None

    def completed(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows in the same order, all with bytes.

        Raises TransientError, and TerminalError when Kafka has a record no more either.
        """
        waiting: list[Row] = []
        for row in rows:
            if row.body and not waiting:
                yield row
                continue
            waiting.append(row)
            if len(waiting) == GATHERED:
                yield from self._completed(waiting)
                waiting = []
        yield from self._completed(waiting)

    def close(self) -> None:
        if self._known is not None:
            self._known.close()

    def _completed(self, rows: list[Row]) -> list[Row]:
        wanted = sorted({(row.partition, row.offset) for row in rows if not row.body})
        found = {place: self._read(*place) for place in wanted}
        metrics.FETCHED.inc(len(found))
        return [row if row.body else row._replace(body=found[row.partition, row.offset]) for row in rows]

    def _read(self, partition: int, offset: int) -> bytes:
        try:
            return self._value(partition, offset)
        except KafkaException as error:
            self._at = None
            raise TransientError(f"Kafka does not answer: {error.args[0].str()}") from error

    def _value(self, partition: int, offset: int) -> bytes:
        consumer = self._consumer()
        if self._at is None or self._at[0] != partition or not 0 <= offset - self._at[1] <= READ_ON:
            consumer.assign([TopicPartition(topics.EVENTS_RESOLVED, partition, offset)])
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while time.monotonic() < deadline:
            message = consumer.poll(1.0)
            if message is None:
                continue
            self._check(message, partition, offset)
            reached = message.offset() or 0
            self._at = (partition, reached + 1)
            if reached == offset:
                return message.value() or b""
            if reached > offset:
                raise _gone(partition, offset)
        raise TransientError("Kafka does not send what lies on events.resolved")

    def _check(self, message: Message, partition: int, offset: int) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() in {KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
            self._at = None
            raise _gone(partition, offset)
        if not error.retriable():
            raise KafkaException(error)

    def _consumer(self) -> Consumer:
        if self._known is None:
            self._known = Consumer(
                {
                    "bootstrap.servers": self._kafka,
                    "group.id": f"{topics.APP}-rebuilder-originals-{uuid.uuid4().hex}",  # never joined
                    "isolation.level": "read_committed",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "error",
                    "enable.partition.eof": True,
                    "fetch.wait.max.ms": 10,
                    "log_level": 0,
                }
            )
        return self._known


def _gone(partition: int, offset: int) -> TerminalError:
    return TerminalError(
        f"an event to replay was written to the warehouse without its bytes, and {topics.EVENTS_RESOLVED} has partition"
        f" {partition}, offset {offset} no more: let the sink write it again from a copy of the topic, then start anew"
    )
