"""Sends the events of a file to Kafka in order, and counts what Kafka acknowledges."""

from collections.abc import Callable, Iterable

from collectors.sources.files.problems import NotSent
from runtime.errors import OnefoldError
from runtime.kafka.deliveries import Deliveries, ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer

DELIVERY_TIMEOUT_S = 60
INTERRUPTED_FLUSH_S = 5.0
LINGER_MS = 20


def send(kafka: str, records: Iterable[ProducerRecord], total: int, report: Callable[[int, int], None]) -> int:
    """Send all records and return how many were acknowledged: all. `report(acknowledged, total)` is called meanwhile.

    Raises NotSent when Kafka refuses or does not answer, or when the person interrupts.
    """
    producer = AcknowledgedProducer(
        kafka, "onefold-importer", delivery_timeout_s=DELIVERY_TIMEOUT_S, linger_ms=LINGER_MS
    )
    deliveries = Deliveries(kafka)
    try:
        for acknowledged in producer.stream(records, deliveries):
            report(acknowledged, total)
    except KeyboardInterrupt:
        producer.flush(INTERRUPTED_FLUSH_S)
        raise NotSent("interrupted", deliveries.acknowledged, total) from None
    except OnefoldError as error:
        raise NotSent(f"Kafka did not take an event: {error}", deliveries.acknowledged, total) from None
    return deliveries.acknowledged
