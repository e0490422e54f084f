"""How far worker, sink and rebuilder have come: what is committed, what there is, and the difference.

Outputs become visible before the inputs they follow from are committed. So if every commit, read first, has reached
every end, read afterwards, nothing was under way in between.
"""

from collections.abc import Mapping

import msgspec

from runtime.kafka.offsets import Extent, Offsets, Partition
from schemas.groups import GROUPS
from settings import Settings


class Lag(msgspec.Struct, frozen=True):
    """A partition that a group has not read to its end; `committed` is None before the first commit."""

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int

    @property
    def records(self) -> int:
        """Count the offsets that are missing; some of them may be transaction markers."""
        return self.end - (self.committed or 0)


def lagging(committed: Mapping[str, Mapping[Partition, int]], extents: Mapping[Partition, Extent]) -> tuple[Lag, ...]:
    """Return what each group has still to read. An empty partition needs no commit."""
    reads = {group.name: group.reads for group in GROUPS}
    lags = []
    for group, offsets in committed.items():
        for (topic, partition), extent in sorted(extents.items()):
            offset = offsets.get((topic, partition))
            is_read = extent.is_empty or (offset is not None and offset >= extent.end)
            if topic in reads[group] and not is_read:
                lags.append(Lag(group, topic, partition, offset, extent.end))
    return tuple(lags)


class PipelineProgress:
    """Queries one Kafka. Raises TransientError when it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._offsets = Offsets(settings.kafka)
        self._partitions: tuple[Partition, ...] = ()

    def lagging(self) -> tuple[Lag, ...]:
        """Return what is under way now; empty only if everything accepted before the call is in ClickHouse."""
        if not self._partitions:
            self._partitions = self._offsets.partitions(topic for group in GROUPS for topic in group.reads)
        committed: dict[str, Mapping[Partition, int]] = {}
        for group in GROUPS:
            read = [partition for partition in self._partitions if partition[0] in group.reads]
            offsets = self._offsets.committed(group.name, read)
            if offsets or not group.may_be_absent:
                committed[group.name] = offsets
        return lagging(committed, self._offsets.extents(self._partitions))
