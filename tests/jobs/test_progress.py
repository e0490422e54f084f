"""What is waited for: the ends of partitions that hold something, by whom, and how much of it is missing."""

from collections.abc import Iterable, Mapping

import pytest

from jobs.progress import ends_now, unread
from runtime.kafka.offsets import Extent, Partition
from schemas import groups, topics

RESOLVED = topics.EVENTS_RESOLVED
WORKER, SINK = groups.WORKER.name, groups.SINK.name


class Standing:
    """A Kafka in which nothing moves."""

    def __init__(
        self,
        extents: Mapping[Partition, Extent] | None = None,
        committed: Mapping[str, Mapping[Partition, int]] | None = None,
    ) -> None:
        self._extents = extents or {}
        self._committed = committed or {}

    def partitions(self, names: Iterable[str]) -> tuple[Partition, ...]:
        return tuple(partition for partition in self._extents if partition[0] in names)

    def extents(self, partitions: Iterable[Partition]) -> Mapping[Partition, Extent]:
        return {partition: self._extents[partition] for partition in partitions}

    def committed(self, group: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        known = self._committed.get(group, {})
        return {partition: known[partition] for partition in partitions if partition in known}


def test_an_empty_partition_needs_no_commit() -> None:
    extents = {(RESOLVED, 0): Extent(0, 0), (RESOLVED, 1): Extent(7, 7), (RESOLVED, 2): Extent(2, 5)}
    assert ends_now(Standing(extents | {(topics.EVENTS, 0): Extent(0, 9)}), RESOLVED) == {(RESOLVED, 2): 5}


@pytest.mark.parametrize(("committed", "missing"), [({}, 5), ({(RESOLVED, 0): 4}, 1), ({(RESOLVED, 0): 5}, 0)])
def test_a_target_is_reached_when_it_is_committed(committed: dict[Partition, int], missing: int) -> None:
    progress = Standing(committed={WORKER: committed})
    assert unread(progress, {WORKER: {(RESOLVED, 0): 5}}) == ({(WORKER, RESOLVED): missing} if missing else {})


def test_each_group_has_targets_of_its_own() -> None:
    targets = {WORKER: {(RESOLVED, 0): 5}, SINK: {(RESOLVED, 0): 5, (RESOLVED, 1): 2}}
    progress = Standing(committed={WORKER: {(RESOLVED, 0): 9}, SINK: {(RESOLVED, 1): 1}})
    assert unread(progress, targets) == {(SINK, RESOLVED): 6}
