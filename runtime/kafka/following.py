"""Follows a topic of one partition: all that it says so far at once, then each record that comes, in a thread."""

import logging
import threading
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from runtime.errors import TransientError
from runtime.kafka.clients import unjoined_consumer
from runtime.kafka.errors import errors_sorted, is_terminal, sorted_error

START_WITHIN_S = 30.0
_REQUEST_TIMEOUT_S = 10.0
_POLL_S = 0.1

log = logging.getLogger(__name__)


class Follower:
    """Hands over the committed records of a topic, in order, once each; none, every now and then, if there are none.

    `on_failure`: nothing more will come.
    """

    def __init__(
        self,
        kafka: str,
        topic: str,
        take: Callable[[list[Message]], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._take = take
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._consumer: Consumer | None = None

    def start(self) -> None:
        """Hand over all there is, then follow. Raises TransientError, TerminalError, and what `take` raises."""
        self._consumer = unjoined_consumer(self._kafka)
        partition = TopicPartition(self._topic, 0, 0)
        with errors_sorted(self._kafka):
            start, end = self._consumer.get_watermark_offsets(partition, timeout=_REQUEST_TIMEOUT_S)
            self._consumer.assign([TopicPartition(self._topic, 0, start)])
            self._take(self._up_to(end, self._consumer) if start < end else [])
        self._thread = threading.Thread(
            target=self._run, args=(self._consumer,), name=f"follow-{self._topic}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if self._consumer is not None:
            self._consumer.close()

    def _up_to(self, end: int, consumer: Consumer) -> list[Message]:
        records: list[Message] = []
        deadline = time.monotonic() + START_WITHIN_S
        while _position(consumer) < end:
            records += self._next(consumer)
            if time.monotonic() > deadline:
                raise TransientError(f"Kafka at {self._kafka} does not send all of {self._topic}")
        return records

    def _run(self, consumer: Consumer) -> None:
        try:
            while not self._stopping.is_set():
                records = self._next(consumer)
                if records or self._is_at_end(consumer):
                    self._take(records)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: reported to whoever runs the process
            self._on_failure(error)

    def _is_at_end(self, consumer: Consumer) -> bool:
        _, end = consumer.get_watermark_offsets(TopicPartition(self._topic, 0), cached=True)
        return _position(consumer) >= end

    def _next(self, consumer: Consumer) -> list[Message]:
        records = []
        for message in consumer.consume(500, _POLL_S):
            error = message.error()
            if error is None:
                records.append(message)
            elif is_terminal(error):
                raise sorted_error(error, self._kafka)
            elif error.code() != KafkaError._PARTITION_EOF:
                log.debug("%s: %s", self._topic, error.str())
        return records


def _position(consumer: Consumer) -> int:
    (position,) = consumer.position(consumer.assignment())
    return position.offset
