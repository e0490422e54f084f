"""How far the worker and the sink have come: what is committed, what there is, and the difference.

Outputs become visible before the inputs they follow from are committed. So if every commit, read first, has reached
every end, read afterwards, nothing was under way in between.
"""

from collections.abc import Iterable, Mapping

import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from schemas import topics
from settings import Settings

REQUEST_TIMEOUT_S = 10.0

GROUPS: dict[str, tuple[str, ...]] = {
    topics.APP: (
        topics.EVENTS,
        topics.IDENTITY_REQUESTS,
        topics.IDENTITY_ROUTES,
        topics.EVENTS_RESOLVED,
        topics.PROFILE_COMMANDS,
    ),
    f"{topics.APP}-sink": (
        topics.EVENTS_RESOLVED,
        topics.PROFILES,
        topics.SESSIONS,
        topics.SEGMENTS,
        topics.TRIGGERS,
        topics.EVENTS_REJECTED,
        topics.EVENTS_DEAD,
        topics.IDENTITY_LINKS,
        topics.IDENTITY_CHANGES,
    ),
}
"""Consumer group -> the topics that it must have read to the end."""

Partition = tuple[str, int]


class Extent(msgspec.Struct, frozen=True):
    """The offsets that a partition holds: from `start` up to, but without, `end`."""

    start: int
    end: int


class Lag(msgspec.Struct, frozen=True):
    """A partition that a group has not read to its end; `committed` is None before the first commit."""

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int

    @property
    def records(self) -> int:
        """How many offsets are missing; some of them may be transaction markers."""
        return self.end - (self.committed or 0)


def lagging(committed: Mapping[str, Mapping[Partition, int]], extents: Mapping[Partition, Extent]) -> tuple[Lag, ...]:
    """What each group has still to read. An empty partition needs no commit."""
    lags = []
    for group, offsets in committed.items():
        for (topic, partition), extent in sorted(extents.items()):
            offset = offsets.get((topic, partition))
            is_read = extent.start == extent.end or (offset is not None and offset >= extent.end)
            if topic in GROUPS[group] and not is_read:
                lags.append(Lag(group, topic, partition, offset, extent.end))
    return tuple(lags)


class Progress:
    """Asks one Kafka. Raises KafkaException when it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 0})
        self._partitions: tuple[Partition, ...] = ()

    def lagging(self) -> tuple[Lag, ...]:
        """What is under way now; empty only if everything accepted before the call is in ClickHouse."""
        partitions = self._partitions = self._partitions or self._list_partitions()
        committed = {group: self._committed(group) for group in GROUPS}
        return lagging(committed, self._extents(partitions))

    def _list_partitions(self) -> tuple[Partition, ...]:
        known = self._admin.list_topics(timeout=REQUEST_TIMEOUT_S).topics
        wanted = {topic for read in GROUPS.values() for topic in read}
        missing = wanted - known.keys()
        if missing:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"no topic {min(missing)!r}"))
        return tuple((topic, partition) for topic in sorted(wanted) for partition in known[topic].partitions)

    def _committed(self, group: str) -> dict[Partition, int]:
        request = [ConsumerGroupTopicPartitions(group)]
        future = self._admin.list_consumer_group_offsets(request, request_timeout=REQUEST_TIMEOUT_S)[group]
        try:
            answered: Iterable[TopicPartition] = future.result().topic_partitions or ()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise
        return {(place.topic, place.partition): place.offset for place in answered if place.offset >= 0}

    def _extents(self, partitions: Iterable[Partition]) -> dict[Partition, Extent]:
        places = [TopicPartition(topic, partition) for topic, partition in partitions]
        starts = self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {place: Extent(starts[place], ends[place]) for place in ends}

    def _offsets(self, places: list[TopicPartition], spec: OffsetSpec) -> dict[Partition, int]:
        futures = self._admin.list_offsets(dict.fromkeys(places, spec), request_timeout=REQUEST_TIMEOUT_S)
        return {(place.topic, place.partition): future.result().offset for place, future in futures.items()}
