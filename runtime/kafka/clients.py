"""What all our Kafka clients have in common."""

MAX_RECORD_BYTES = 8_000_000  # commands and dead letters wrap a whole event or a whole state

# Co-partitioning with murmur2, as the Java client and aiokafka do; librdkafka's own default is another function.
PRODUCER_CONFIG: dict[str, str | int | float | bool] = {
    "partitioner": "murmur2_random",
    "message.max.bytes": MAX_RECORD_BYTES,
    "enable.idempotence": True,
    "acks": "all",
}
