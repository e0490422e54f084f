"""How far worker, sink and rebuilder have come: what is committed, what there is, and the difference.

Outputs become visible before the inputs they follow from are committed. So if every commit, read first, has reached
every end, read afterwards, nothing was under way in between.
"""

from collections.abc import Mapping

import msgspec

from runtime.kafka.offsets import Extent, Offsets, Partition
from schemas import topics
from settings import Settings

GROUPS: dict[str, tuple[str, ...]] = {
    f"{topics.APP}-rebuilder": (topics.IDENTITY_CHANGES,),
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

OPTIONAL = frozenset({f"{topics.APP}-rebuilder"})
"""Groups that count once they have committed something: a rebuilder does so before it is ready."""


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
            is_read = extent.is_empty or (offset is not None and offset >= extent.end)
            if topic in GROUPS[group] and not is_read:
                lags.append(Lag(group, topic, partition, offset, extent.end))
    return tuple(lags)


class Progress:
    """Asks one Kafka. Raises KafkaException when it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._offsets = Offsets(settings.kafka)
        self._partitions: tuple[Partition, ...] = ()

    def lagging(self) -> tuple[Lag, ...]:
        """What is under way now; empty only if everything accepted before the call is in ClickHouse."""
        if not self._partitions:
            self._partitions = self._offsets.partitions(topic for read in GROUPS.values() for topic in read)
        committed = {
            group: self._offsets.committed(group, [place for place in self._partitions if place[0] in read])
            for group, read in GROUPS.items()
        }
        present = {group: offsets for group, offsets in committed.items() if offsets or group not in OPTIONAL}
        return lagging(present, self._offsets.extents(self._partitions))
