"""Offsets of one Kafka: what partitions hold, how far consumer groups have come. Who waits for what is the caller's.

Commits past transaction markers count, so a group that has read everything has committed the end itself. Asked by
consumers that join no group: librdkafka's admin client may abort the process when its broker goes away in the midst.
"""

from collections.abc import Iterable

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

REQUEST_TIMEOUT_S = 10.0

Partition = tuple[str, int]


class Extent(msgspec.Struct, frozen=True):
    """The offsets that a partition holds: from `start` up to, but without, `end`."""

    start: int
    end: int

    @property
    def is_empty(self) -> bool:
        return self.start == self.end


class Offsets:
    """Asks one Kafka. Every method raises KafkaException when it does not answer."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._consumers: dict[str, Consumer] = {}

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:
        """The partitions of topics, in order. Raises KafkaException for a topic that does not exist."""
        wanted = set(topics)
        known = self._consumer().list_topics(timeout=REQUEST_TIMEOUT_S).topics
        missing = wanted - known.keys()
        if missing:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"no topic {min(missing)!r}"))
        return tuple((topic, partition) for topic in sorted(wanted) for partition in sorted(known[topic].partitions))

    def committed(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """What a group has committed of these partitions; nothing of those that it never committed."""
        places = [TopicPartition(topic, partition) for topic, partition in partitions]
        answered = self._consumer(group).committed(places, timeout=REQUEST_TIMEOUT_S)
        for place in answered:
            if place.error is not None:
                raise KafkaException(place.error)
        return {(place.topic, place.partition): place.offset for place in answered if place.offset >= 0}

    def extents(self, partitions: Iterable[Partition]) -> dict[Partition, Extent]:
        """What each partition holds now, records of open transactions included."""
        consumer = self._consumer()
        return {
            place: Extent(*consumer.get_watermark_offsets(TopicPartition(*place), timeout=REQUEST_TIMEOUT_S))
            for place in partitions
        }

    def _consumer(self, group: str = "nobody") -> Consumer:
        """One that asks in the name of a group and never joins it."""
        if group not in self._consumers:
            self._consumers[group] = Consumer(
                {
                    "bootstrap.servers": self._kafka,
                    "group.id": group,
                    "enable.auto.commit": False,
                    "isolation.level": "read_uncommitted",
                    "log_level": 0,
                }
            )
        return self._consumers[group]
