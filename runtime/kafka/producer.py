"""Appends records and returns once Kafka has them, for one thread; `async_producer` does it for an event loop."""

import time
from collections.abc import Iterable, Iterator

from confluent_kafka import KafkaException, Message, Producer

from runtime.errors import UnreachableError
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.deliveries import Deliveries, ProducerRecord, RecordPosition
from runtime.kafka.errors import errors_sorted, sorted_error

DELIVERY_TIMEOUT_S = 30.0
_GRACE_S = 1.0  # the client gives a record up by itself, a moment after its time
_QUEUE_KBYTES = 32 * 1024
_WAIT_S = 0.1
_SERVED_EVERY = 500


class AcknowledgedProducer:
    """Kafka's producer. A record is acknowledged when all in-sync replicas have it, or given up in time.

    After an error some of the records may have been appended, and may still be: sending all of them again must do no
    harm.
    """

    def __init__(
        self, kafka: str, client_id: str, *, delivery_timeout_s: float = DELIVERY_TIMEOUT_S, linger_ms: int = 5
    ) -> None:
        self._kafka = kafka
        self._delivery_timeout_s = delivery_timeout_s
        self._producer = Producer(
            PRODUCER_CONFIG
            | {
                "bootstrap.servers": kafka,
                "client.id": client_id,
                "linger.ms": linger_ms,
                "compression.type": "lz4",
                "message.timeout.ms": round(delivery_timeout_s * 1000),
                "queue.buffering.max.kbytes": _QUEUE_KBYTES,
                "log_level": 0,  # what goes wrong is raised
            }
        )

    def send(self, records: Iterable[ProducerRecord]) -> tuple[RecordPosition, ...]:
        """Append records: where they lie, in order within a partition. Raises TransientError or TerminalError."""
        positions: list[RecordPosition] = []

        def keep(message: Message) -> None:
            positions.append(RecordPosition(message.partition() or 0, message.offset() or 0))

        for _ in self.stream(records, Deliveries(self._kafka, keep)):
            pass
        return tuple(positions)

    def stream(self, records: Iterable[ProducerRecord], deliveries: Deliveries) -> Iterator[int]:
        """Append records of any number, yielding how many are acknowledged now and then, and at the end.

        Raises as `send`. What `records` raises passes; after that or an interruption, `flush` and look at `deliveries`.
        """
        handed_over = 0
        for record in records:
            self._hand_over(record, deliveries)
            handed_over += 1
            if handed_over % _SERVED_EVERY == 0:
                self._serve(deliveries, 0)
                yield deliveries.acknowledged
        deadline = time.monotonic() + self._delivery_timeout_s + _GRACE_S
        while deliveries.reported < handed_over:
            if time.monotonic() >= deadline:
                raise UnreachableError(f"Kafka at {self._kafka} did not acknowledge every record")
            self._serve(deliveries, _WAIT_S)
            yield deliveries.acknowledged
        deliveries.check()
        yield deliveries.acknowledged

    def partitions(self, topic: str) -> tuple[int, ...]:
        """Return the partitions of a topic. Raises TransientError or TerminalError."""
        with errors_sorted(self._kafka):
            described = self._producer.list_topics(topic, timeout=self._delivery_timeout_s).topics[topic]
        if described.error is not None:
            raise sorted_error(described.error, self._kafka)
        return tuple(sorted(described.partitions))

    def flush(self, timeout_s: float) -> int:
        """Wait for what is under way: how many records are still unacknowledged."""
        return int(self._producer.flush(timeout_s))

    def _hand_over(self, record: ProducerRecord, deliveries: Deliveries) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic, record.value, record.key, record.partition, on_delivery=deliveries.report
                )
            except BufferError:  # the queue is full
                self._serve(deliveries, _WAIT_S)
            except KafkaException as error:
                raise sorted_error(error, self._kafka) from error
            else:
                return

    def _serve(self, deliveries: Deliveries, timeout_s: float) -> None:
        self._producer.poll(timeout_s)
        deliveries.check()
