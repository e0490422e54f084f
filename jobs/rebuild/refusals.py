"""Which chunks of replays PROFILE could not take: they became dead letters, and it goes on without them."""

from collections.abc import Iterable, Mapping

from runtime.kafka.offsets import Offsets, Partition
from runtime.kafka.reading import read_to_end
from schemas import topics
from schemas.dead_letters import dead_id

_STAGE = "profile"

Place = tuple[int, int]
"""Partition and offset of `profile.commands`."""


class Refusals:
    """The end of `events.dead` in one Kafka, for one thread."""

    def __init__(self, kafka: str, offsets: Offsets) -> None:
        self._kafka = kafka
        self._offsets = offsets
        self._seen: Mapping[Partition, int] = {}

    def begin(self) -> None:
        """From now on dead letters count. Raises TransientError."""
        self._seen = self._ends()

    def of(self, places: Iterable[Place]) -> frozenset[Place]:
        """Which of these places have a dead letter since `begin`.

        For places that the worker has committed: their dead letters were committed with them. Raises TransientError.
        """
        places_by_id = {dead_id(topics.PROFILE_COMMANDS, *place, _STAGE).encode(): place for place in places}
        keys = (message.key() for message in read_to_end(self._kafka, [topics.EVENTS_DEAD], since=self._seen))
        return frozenset(places_by_id[key] for key in keys if key in places_by_id)

    def _ends(self) -> Mapping[Partition, int]:
        extents = self._offsets.extents(self._offsets.partitions([topics.EVENTS_DEAD]))
        return {partition: extent.end for partition, extent in extents.items()}
