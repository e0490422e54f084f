"""Offsets of one Kafka: what partitions hold, how far consumer groups have come. Who waits for what is the caller's.

Commits past transaction markers count, so a group that has read everything has committed the end itself.
"""

from collections.abc import Iterable

import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

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
        self._admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:
        """The partitions of topics, in order. Raises KafkaException for a topic that does not exist."""
        wanted = set(topics)
        known = self._admin.list_topics(timeout=REQUEST_TIMEOUT_S).topics
        missing = wanted - known.keys()
        if missing:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"no topic {min(missing)!r}"))
        return tuple((topic, partition) for topic in sorted(wanted) for partition in sorted(known[topic].partitions))

    def committed(self, group: str) -> dict[Partition, int]:
        """What a group has committed; nothing for one that Kafka does not know."""
        request = [ConsumerGroupTopicPartitions(group)]
        future = self._admin.list_consumer_group_offsets(request, request_timeout=REQUEST_TIMEOUT_S)[group]
        try:
            answered: Iterable[TopicPartition] = future.result().topic_partitions or ()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise
        return {(place.topic, place.partition): place.offset for place in answered if place.offset >= 0}

    def extents(self, partitions: Iterable[Partition]) -> dict[Partition, Extent]:
        """What each partition holds now, records of open transactions included."""
        places = [TopicPartition(topic, partition) for topic, partition in partitions]
        starts = self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {place: Extent(starts[place], ends[place]) for place in ends}

    def _offsets(self, places: list[TopicPartition], spec: OffsetSpec) -> dict[Partition, int]:
        futures = self._admin.list_offsets(dict.fromkeys(places, spec), request_timeout=REQUEST_TIMEOUT_S)
        return {(place.topic, place.partition): future.result().offset for place, future in futures.items()}
