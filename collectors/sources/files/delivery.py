"""Events to Kafka in order, every acknowledgement awaited."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from collectors.sources.files.problems import NotSent
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas.topics import EVENTS

DELIVERY_TIMEOUT_S = 60
INTERRUPTED_FLUSH_S = 5.0

_POLL_EVERY = 500


class Outgoing(NamedTuple):
    key: bytes
    value: bytes


def send(kafka: str, records: Iterable[Outgoing], total: int, report: Callable[[int, int], None]) -> int:
    """Send all records and return how many were acknowledged: all. `report(acknowledged, total)` is called meanwhile.

    Raises NotSent when Kafka refuses or does not answer, or when the person interrupts.
    """
    delivery = _Delivery(kafka)
    try:
        for number, record in enumerate(records):
            delivery.produce(record)
            if number % _POLL_EVERY == 0:
                delivery.serve(0)
                report(delivery.acknowledged, total)
        while delivery.serve(0.1):
            report(delivery.acknowledged, total)
        report(delivery.acknowledged, total)
    except KeyboardInterrupt:
        delivery.flush(INTERRUPTED_FLUSH_S)
        raise NotSent("interrupted", delivery.acknowledged, total) from None
    except _Failed as failure:
        raise NotSent(f"Kafka did not take an event: {failure}", delivery.acknowledged, total) from None
    return delivery.acknowledged


class _Failed(Exception):
    """Kafka's client has given an event up, or would not take it."""


class _Delivery:
    def __init__(self, kafka: str) -> None:
        self.acknowledged = 0
        self._failure: str | None = None
        self._producer = Producer(
            PRODUCER_CONFIG
            | {
                "bootstrap.servers": kafka,
                "client.id": "onefold-importer",
                "linger.ms": 20,
                "compression.type": "lz4",
                "message.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
                "queue.buffering.max.kbytes": 64 * 1024,
                "log_level": 0,  # what fails is told by the acknowledgements
            }
        )

    def produce(self, record: Outgoing) -> None:
        while True:
            try:
                self._producer.produce(EVENTS, record.value, record.key, on_delivery=self._acknowledge)
            except BufferError:
                self.serve(0.5)
            except KafkaException as error:
                raise _Failed(error.args[0].str()) from None
            else:
                return

    def serve(self, timeout_s: float) -> int:
        """Take acknowledgements for a while; how many are still outstanding."""
        self._producer.poll(timeout_s)
        if self._failure is not None:
            raise _Failed(self._failure)
        return len(self._producer)

    def flush(self, timeout_s: float) -> None:
        self._producer.flush(timeout_s)

    def _acknowledge(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self._failure = error.str()
