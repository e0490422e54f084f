"""Offsets of one Kafka: what partitions hold, how far consumer groups have come. Who waits for what is the caller's.

Commits past transaction markers count, so a group that has read everything has committed the end itself. Queried by
consumers that join no group: librdkafka's admin client may abort the process when its broker goes away in the midst.
"""

from collections.abc import Iterable, Sequence

import msgspec
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from runtime.kafka.clients import UNJOINED, unjoined_consumer
from runtime.kafka.errors import errors_sorted

REQUEST_TIMEOUT_S = 10.0

Partition = tuple[str, int]


class Extent(msgspec.Struct, frozen=True):
    """The offsets that a partition holds: from `start` up to, but without, `end`."""

    start: int
    end: int

    @property
    def is_empty(self) -> bool:
        """Whether the partition holds nothing."""
        return self.start == self.end


class Offsets:
    """Queries one Kafka. Every method raises TransientError when it does not answer, or TerminalError."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._consumers: dict[str, Consumer] = {}

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:
        """Return the partitions of topics, in order. Raises TransientError for a topic that does not exist yet."""
        wanted = set(topics)
        with errors_sorted(self._kafka):
            existing = self._consumer().list_topics(timeout=REQUEST_TIMEOUT_S).topics
            missing = wanted - existing.keys()
            if missing:
                raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"no topic {min(missing)!r}"))
        return tuple((topic, partition) for topic in sorted(wanted) for partition in sorted(existing[topic].partitions))

    def has_topic(self, topic: str) -> bool:
        """Return whether there is a topic of this name."""
        with errors_sorted(self._kafka):
            return topic in self._consumer().list_topics(timeout=REQUEST_TIMEOUT_S).topics

    def committed(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return what a group has committed of these partitions; nothing of those that it never committed."""
        queried = [TopicPartition(topic, partition) for topic, partition in partitions]
        with errors_sorted(self._kafka):
            answered = _refusing_errors(self._consumer(group).committed(queried, timeout=REQUEST_TIMEOUT_S))
        return {(answer.topic, answer.partition): answer.offset for answer in answered if answer.offset >= 0}

    def extents(self, partitions: Iterable[Partition]) -> dict[Partition, Extent]:
        """Return what each partition holds now, records of open transactions included."""
        queried = tuple(partitions)
        starts, ends = self._edges(queried, OFFSET_BEGINNING), self._edges(queried, OFFSET_END)
        return {partition: Extent(starts[partition], ends[partition]) for partition in queried}

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return where each partition ends now, records of open transactions included."""
        return self._edges(tuple(partitions), OFFSET_END)

    def at(self, partitions: Iterable[Partition], time_ms: int) -> dict[Partition, int]:
        """Return where the first record lies that has this time or a later one; the end, where none has."""
        queried = tuple(partitions)
        ends = self.ends(queried)
        found = self._edges(queried, max(time_ms, 0))
        return {partition: offset if (offset := found[partition]) >= 0 else ends[partition] for partition in queried}

    def _edges(self, partitions: Sequence[Partition], edge: int) -> dict[Partition, int]:
        """Return the first or the last offset of each partition: one request, as if `edge` were a time, for all."""
        if not partitions:
            return {}
        queried = [TopicPartition(topic, partition, edge) for topic, partition in partitions]
        with errors_sorted(self._kafka):
            answered = _refusing_errors(self._consumer().offsets_for_times(queried, timeout=REQUEST_TIMEOUT_S))
        return {(answer.topic, answer.partition): answer.offset for answer in answered}

    def _consumer(self, group: str = UNJOINED) -> Consumer:
        """Return a consumer that queries in the name of a group and never joins it."""
        if group not in self._consumers:
            self._consumers[group] = unjoined_consumer(self._kafka, group_id=group, isolation_level="read_uncommitted")
        return self._consumers[group]


def _refusing_errors(answered: list[TopicPartition]) -> list[TopicPartition]:
    for answer in answered:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return answered
