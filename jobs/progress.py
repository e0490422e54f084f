"""How far consumer groups have come on topics, and what of them they have not read yet."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from runtime.kafka.offsets import Extent, Partition

Targets = Mapping[str, Mapping[Partition, int]]
"""Consumer group -> partition -> the offset that it must have committed."""


class Progress(Protocol):
    """How far consumer groups have come. Every method may block and raise TransientError or TerminalError."""

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:
        """Return the partitions of topics, in order."""

    def extents(self, partitions: Iterable[Partition]) -> Mapping[Partition, Extent]:
        """Return the offsets that each partition holds now."""

    def committed(self, group: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Return what a group has committed of these partitions; nothing of those that it never committed."""


def ends_now(progress: Progress, *topics: str) -> dict[Partition, int]:
    """Return where the partitions of topics end that hold something. Raises as `progress` does."""
    return ends(progress.extents(progress.partitions(topics)))


def ends(extents: Mapping[Partition, Extent]) -> dict[Partition, int]:
    """Return the ends of the partitions that hold something: nobody commits of the others."""
    return {partition: extent.end for partition, extent in extents.items() if not extent.is_empty}


def unread(progress: Progress, targets: Targets) -> dict[tuple[str, str], int]:
    """Return by group and topic how many offsets are missing; nothing if all targets are reached."""
    missing: dict[tuple[str, str], int] = {}
    for group, wanted in targets.items():
        committed = progress.committed(group, wanted)
        for partition, end in wanted.items():
            lag = end - committed.get(partition, 0)
            if lag > 0:
                missing[group, partition[0]] = missing.get((group, partition[0]), 0) + lag
    return missing


def described(missing: Mapping[tuple[str, str], int]) -> str:
    """Say for a log line what is missing."""
    return ", ".join(f"{group} has {records} records of {topic} to read" for (group, topic), records in missing.items())
