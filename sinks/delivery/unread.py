"""What lies unread on topics of destinations that cannot be opened: nobody has admitted it, and it waits as well."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from runtime.kafka.clients import unjoined_consumer
from runtime.kafka.consumed import records_of
from runtime.kafka.errors import errors_sorted
from runtime.kafka.offsets import Offsets, Partition

LOOK_FOR_S = 2.0


class Unread(NamedTuple):
    """What lies in a partition. `number`: at most, as markers of transactions count; `since`: the first one's, ms."""

    number: int
    since: int


class UnreadTopics:
    """Looks at partitions now and then, and reads no more than their first records. For one thread at a time."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._offsets = Offsets(kafka)
        self._looked: dict[tuple[Partition, int], tuple[int, int | None]] = {}
        """By a partition and where it begins: up to where it was looked at, and the time of its first record."""

    def look(self, positions: Mapping[Partition, int]) -> dict[Partition, Unread]:
        """Return what lies in each partition from an offset on; nothing of one that is empty there.

        Raises TransientError and TerminalError.
        """
        extents = self._offsets.extents(positions)
        starts = {each: max(extents[each].start, at) for each, at in positions.items()}
        starts = {each: start for each, start in starts.items() if start < extents[each].end}
        self._looked = {place: self._looked[place] for place in starts.items() if place in self._looked}
        new = {each: start for each, start in starts.items() if self._is_new((each, start), extents[each].end)}
        times = self._read(new) if new else {}
        self._looked |= {place: (extents[place[0]].end, times.get(place[0])) for place in new.items()}
        return {
            place[0]: Unread(extents[place[0]].end - place[1], since)
            for place in starts.items()
            if (since := self._looked[place][1]) is not None
        }

    def _is_new(self, place: tuple[Partition, int], end: int) -> bool:
        """Return whether a record may lie there that has not been looked at."""
        looked_to, since = self._looked.get(place, (-1, None))
        return since is None and looked_to != end

    def _read(self, starts: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the times of the first records, as far as they come within a moment."""
        consumer, times = unjoined_consumer(self._kafka), dict[Partition, int]()
        try:
            with errors_sorted(self._kafka):
                consumer.assign([TopicPartition(*partition, start) for partition, start in starts.items()])
                self._take(consumer, times, len(starts))
        finally:
            consumer.close()
        return times

    def _take(self, consumer: Consumer, times: dict[Partition, int], number: int) -> None:
        give_up_at = time.monotonic() + LOOK_FOR_S
        while len(times) < number and time.monotonic() < give_up_at:
            for record in records_of(consumer.consume(1, 0.1), self._kafka):
                partition = record.topic() or "", record.partition() or 0
                times.setdefault(partition, record.timestamp()[1])
                consumer.pause([TopicPartition(*partition)])
