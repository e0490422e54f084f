"""Appends records all or not at all, and fences whoever used the same transactional id before."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, Producer

from runtime.closing import Closing
from runtime.errors import TerminalError
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.errors import errors_sorted

TRANSACTION_TIMEOUT_MS = 30_000
"""So long the broker keeps a transaction open whose producer is gone; readers of what is committed wait for it."""

_WITHIN_S = 30.0
_WAIT_S = 0.1
FENCED = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})
"""Codes that say that another producer has the transactional id."""


class ProducerFenced(TerminalError):
    """Another producer has the transactional id now; nothing of the transaction has become visible."""


class TransactionalProducer(Closing):
    """A producer for a few records, for one thread. What others with its id had open is aborted when it is made."""

    def __init__(self, kafka: str, transactional_id: str) -> None:
        """Raises TransientError or TerminalError."""
        self._kafka = kafka
        self._producer = Producer(
            PRODUCER_CONFIG
            | {
                "bootstrap.servers": kafka,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "linger.ms": 1,
                "log_level": 0,
            }
        )
        with errors_sorted(kafka):
            self._producer.init_transactions(_WITHIN_S)

    def send(self, records: Iterable[ProducerRecord]) -> None:
        """Append records in one transaction. Raises ProducerFenced, TransientError or TerminalError."""
        try:
            with errors_sorted(self._kafka):
                self._producer.begin_transaction()
                for record in records:
                    self._hand_over(record)
                self._producer.commit_transaction(_WITHIN_S)
        except (KafkaException, TerminalError) as error:
            cause = error if isinstance(error, KafkaException) else error.__cause__
            if isinstance(cause, KafkaException) and cause.args[0].code() in FENCED:
                raise ProducerFenced(f"Kafka at {self._kafka}: another producer has taken over") from error
            raise

    def _hand_over(self, record: ProducerRecord) -> None:
        while True:
            try:
                self._producer.produce(record.topic, record.value, record.key)
            except BufferError:  # the queue is full
                self._producer.poll(_WAIT_S)
            else:
                return

    def close(self) -> None:
        """Give up what was not sent."""
        self._producer.purge()
        self._producer.flush(1)
