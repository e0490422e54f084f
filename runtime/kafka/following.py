"""Follows a topic of one partition: all that it says so far at once, then each record that comes, in a thread.

Taking the records is left to whoever follows; `FollowedValue` makes one value of them.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from runtime.kafka.clients import unjoined_consumer
from runtime.kafka.consumed import records_of
from runtime.kafka.errors import errors_sorted
from runtime.kafka.reading import records_up_to

_REQUEST_TIMEOUT_S = 10.0
_FETCH_RECORDS = 500
_POLL_S = 0.1
_QUERY_EVERY_S = 0.5
_ANSWER_WITHIN_S = 2.0

Value = TypeVar("Value")

log = logging.getLogger(__name__)


class Follower:
    """Hands over the committed records of a topic, in order, once each; none, every now and then, if there are none.

    `on_failure`: nothing more will come. `as_of`: what was committed by then (monotonic, s) was handed over, or will be
    next.
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
        self._queried_at = 0.0
        self.as_of = 0.0

    def start(self) -> None:
        """Hand over all there is, then follow. Raises TransientError, TerminalError, and what `take` raises."""
        self._consumer = unjoined_consumer(self._kafka)
        partition = TopicPartition(self._topic, 0, 0)
        queried_at = time.monotonic()
        with errors_sorted(self._kafka):
            start, end = self._consumer.get_watermark_offsets(partition, timeout=_REQUEST_TIMEOUT_S)
            self._consumer.assign([TopicPartition(self._topic, 0, start)])
            coming = records_up_to({(self._topic, 0): end}, self._consumer, self._kafka)
            records = list(coming) if start < end else []
        self.as_of = queried_at
        self._take(records)
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

    def _run(self, consumer: Consumer) -> None:
        try:
            while not self._stopping.is_set():
                records = list(records_of(consumer.consume(_FETCH_RECORDS, _POLL_S), self._kafka))
                if records or self._learn_that_it_is_all(consumer):
                    self._take(records)
        except Exception as error:  # noqa: BLE001 - the thread's boundary: reported to whoever runs the process
            self._on_failure(error)

    def _learn_that_it_is_all(self, consumer: Consumer) -> bool:
        """Ask the broker now and then: what the client knows of the end is old when the connection is down."""
        queried_at = time.monotonic()
        if queried_at - self._queried_at < _QUERY_EVERY_S:
            return False
        self._queried_at = queried_at
        try:
            _, end = consumer.get_watermark_offsets(TopicPartition(self._topic, 0), timeout=_ANSWER_WITHIN_S)
        except KafkaException as error:
            log.debug("%s: %s", self._topic, error)
            return False
        (position,) = consumer.position(consumer.assignment())
        if position.offset < end:
            return False
        self.as_of = queried_at
        return True


class FollowedValue(Generic[Value]):
    """What follows from all records of a topic; it may be read in any thread."""

    def __init__(self, kafka: str, topic: str, value: Value, add: Callable[[Value, list[Message]], Value]) -> None:
        """Start with `value`, and with what `add` makes of it and of all records. Raises as `Follower.start`."""
        self._value = value
        self._add = add
        self._failure: BaseException | None = None
        self._has_changed = threading.Condition()
        self._follower = Follower(kafka, topic, self._take, self._fail)
        self._follower.start()

    def read(self) -> Value:
        """Return what follows from the records that have come. Raises what ended the following."""
        if self._failure is not None:
            raise self._failure
        return self._value

    def wait_until(self, holds: Callable[[Value], bool], within_s: float) -> bool:
        """Return whether something holds of the value by then. Raises as `read`."""
        with self._has_changed:
            return self._has_changed.wait_for(lambda: holds(self.read()), within_s)

    def close(self) -> None:
        """Follow no longer."""
        self._follower.stop()

    def _take(self, messages: list[Message]) -> None:
        value = self._add(self._value, messages) if messages else self._value
        with self._has_changed:
            self._value = value
            self._has_changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._has_changed:
            self._failure = error
            self._has_changed.notify_all()
