"""Reads a topic from its beginning to its end, as a consumer that sees committed records only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from schemas.codec import Codec, DecodeError

END_WITHIN_S = 30.0
RecordType = TypeVar("RecordType", bound=msgspec.Struct)
Place = tuple[str, int]
EVERYTHING: Mapping[Place, int] = MappingProxyType({})
"""Nothing to leave out: topics are read from their beginning."""


@dataclass(frozen=True)
class Raw:
    """One record where it lies."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Decoded(Generic[RecordType]):
    """A raw record and what it says."""

    raw: Raw
    record: RecordType


def ends(kafka: str, topics: Iterable[str]) -> dict[Place, int]:
    """The end of every partition of these topics, by topic and partition."""
    consumer = _consumer(kafka)
    try:
        known = consumer.list_topics(timeout=END_WITHIN_S).topics
        places = [TopicPartition(topic, partition) for topic in topics for partition in known[topic].partitions]
        return {
            (place.topic, place.partition): consumer.get_watermark_offsets(place, timeout=END_WITHIN_S)[1]
            for place in places
        }
    finally:
        consumer.close()


def read_raw(kafka: str, topic: str, since: Mapping[Place, int] = EVERYTHING) -> list[Raw]:
    """All records by partition and offset. The end of each partition is asked of the broker: markers leave holes.

    `since`: by topic and partition, the offset to begin at.
    """
    consumer = _consumer(kafka)
    try:
        return sorted(_until_the_end(consumer, topic, since), key=lambda raw: (raw.partition, raw.offset))
    finally:
        consumer.close()


def read(
    kafka: str, codec: Codec, topic: str, record: type[RecordType], since: Mapping[Place, int] = EVERYTHING
) -> list[Decoded[RecordType]]:
    """All records that are records; what cannot be decoded is left out."""
    found = []
    for raw in read_raw(kafka, topic, since):
        try:
            found.append(Decoded(raw, codec.decode(record, raw.value)))
        except DecodeError:
            continue
    return found


def _consumer(kafka: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "oracle",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # the end of a partition is told with an answer, which would wait for more
        }
    )


def _until_the_end(consumer: Consumer, topic: str, since: Mapping[Place, int]) -> Iterator[Raw]:
    partitions = list(consumer.list_topics(topic, timeout=END_WITHIN_S).topics[topic].partitions)
    assert partitions, f"there is no topic {topic}"
    consumer.assign([TopicPartition(topic, at, since.get((topic, at), OFFSET_BEGINNING)) for at in partitions])
    unfinished = set(partitions)
    while unfinished:
        message = consumer.poll(END_WITHIN_S)
        assert message is not None, (
            f"{topic}: no end of partitions {unfinished}: an open transaction holds readers back"
        )
        partition, error = message.partition(), message.error()
        assert partition is not None
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            unfinished.discard(partition)
            continue
        offset, key, value = message.offset(), message.key(), message.value()
        assert offset is not None
        yield Raw(partition, offset, _bytes(key), _bytes(value))


def _bytes(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
