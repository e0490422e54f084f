"""Reads a topic from its beginning to its end, as a consumer that sees committed records only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

import msgspec

from runtime.kafka.offsets import Offsets, Partition
from runtime.kafka.reading import read_to_end
from schemas.codec import Codec, DecodeError

RecordType = TypeVar("RecordType", bound=msgspec.Struct)
EVERYTHING: Mapping[Partition, int] = MappingProxyType({})
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


def ends(kafka: str, topics: Iterable[str]) -> dict[Partition, int]:
    """The end of every partition of these topics."""
    offsets = Offsets(kafka)
    return {partition: extent.end for partition, extent in offsets.extents(offsets.partitions(topics)).items()}


def read_raw(kafka: str, topic: str, since: Mapping[Partition, int] = EVERYTHING) -> list[Raw]:
    """All records by partition and offset. Markers leave holes.

    `since`: by topic and partition, the offset to begin at.
    """
    raws = (
        Raw(message.partition() or 0, message.offset() or 0, message.key(), message.value())
        for message in read_to_end(kafka, [topic], since)
    )
    return sorted(raws, key=lambda raw: (raw.partition, raw.offset))


def read(
    kafka: str, codec: Codec, topic: str, record: type[RecordType], since: Mapping[Partition, int] = EVERYTHING
) -> list[Decoded[RecordType]]:
    """All records that are records; what cannot be decoded is left out."""
    found = []
    for raw in read_raw(kafka, topic, since):
        try:
            found.append(Decoded(raw, codec.decode(record, raw.value)))
        except DecodeError:
            continue
    return found
