"""What all our Kafka clients have in common."""

from typing import TypeAlias

from confluent_kafka import Consumer

ClientConfig: TypeAlias = dict[str, str | int | float | bool]

MAX_RECORD_BYTES = 8_000_000  # commands and dead letters wrap a whole event or a whole state

# Co-partitioning with murmur2, as the Java client and aiokafka do; librdkafka's own default is another function.
PRODUCER_CONFIG: ClientConfig = {
    "partitioner": "murmur2_random",
    "message.max.bytes": MAX_RECORD_BYTES,
    "enable.idempotence": True,
    "acks": "all",
}

CONSUMER_CONFIG: ClientConfig = {
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 100,
}

UNJOINED = "unjoined"
"""The group id of consumers that join no group and commit nothing; the client wants one all the same."""


def unjoined_consumer(kafka: str, log_level: int = 0, **options: str | int | float | bool) -> Consumer:
    """Return a consumer to assign partitions to; `options` override, written with `_` for `.`.

    `log_level`: from 0, nothing, to 7; a command says itself what goes wrong.
    """
    config = CONSUMER_CONFIG | {"bootstrap.servers": kafka, "group.id": UNJOINED, "log_level": log_level}
    return Consumer(config | {option.replace("_", "."): value for option, value in options.items()})
