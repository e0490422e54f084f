"""What nobody can pass: how fast librdkafka reads the topic `events` and hands over every record."""

import time
import uuid

from confluent_kafka import Consumer, TopicPartition

from bench.folds import Cost
from bench.measure import Usage
from schemas.topics import EVENTS
from settings import Settings


def consume(settings: Settings) -> tuple[Cost, float]:
    """Read the whole topic, and the seconds that took from the first record on."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            "fetch.max.bytes": 50_000_000,
            "queued.min.messages": 200_000,
        }
    )
    partitions = [TopicPartition(EVENTS, number, 0) for number in range(settings.partitions)]
    wanted = sum(consumer.get_watermark_offsets(partition, timeout=30)[1] for partition in partitions)
    consumer.assign(partitions)
    seen = len(consumer.consume(1, 30))
    usage, started = Usage(None), time.monotonic()
    while seen < wanted:
        seen += len(consumer.consume(min(5_000, wanted - seen), 1.0))
    took, cpu_s = time.monotonic() - started, usage.cpu_s()
    consumer.close()
    return Cost("limit: librdkafka, consume only", wanted, cpu_s), took
