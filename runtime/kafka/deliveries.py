"""What becomes of records that were handed to a producer, counted as Kafka's client reports it."""

from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import KafkaError, Message

from runtime.kafka.errors import is_terminal, sorted_error


class ProducerRecord(NamedTuple):
    """A record to append; `partition` is that of the key unless it is given. `value`: None deletes what has the key."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int = -1


class RecordPosition(NamedTuple):
    """Where a record lies in its topic."""

    partition: int
    offset: int


class Deliveries:
    """Counts records that belong together. `report` is the callback, called from within `poll` and `flush`."""

    def __init__(self, kafka: str, on_acknowledged: Callable[[Message], None] | None = None) -> None:
        self.acknowledged = 0
        self.reported = 0
        self._kafka = kafka
        self._on_acknowledged = on_acknowledged
        self._failure: KafkaError | None = None

    def report(self, error: KafkaError | None, message: Message) -> None:
        """Count one record as acknowledged or given up."""
        self.reported += 1
        if error is None:
            self.acknowledged += 1
            if self._on_acknowledged is not None:
                self._on_acknowledged(message)
        elif self._failure is None or is_terminal(error):
            self._failure = error

    def check(self) -> None:
        """Raise TransientError or TerminalError if a record was given up."""
        if self._failure is not None:
            raise sorted_error(self._failure, self._kafka)
