"""Waits until consumer groups have committed what topics held at one moment, for whoever compares both sides."""

import time
from collections.abc import Iterable, Mapping

from runtime.errors import TransientError
from runtime.kafka.offsets import Offsets, Partition

_LOOK_AGAIN_S = 0.1


def ends_of(offsets: Offsets, topics: Iterable[str]) -> dict[Partition, int]:
    """Return where the partitions of topics end now that hold something. Raises TransientError or TerminalError."""
    extents = offsets.extents(offsets.partitions(topics))
    return {partition: extent.end for partition, extent in extents.items() if not extent.is_empty}


def await_committed(offsets: Offsets, group: str, ends: Mapping[Partition, int], give_up_at: float) -> None:
    """Return once a group has committed these ends. Raises TransientError if it has not by then (monotonic, s)."""
    while lacking := _lacking(offsets, group, ends):
        if time.monotonic() > give_up_at:
            topic, records = next(iter(lacking.items()))
            raise TransientError(f"{group} has {records} records of {topic} to read: is it running?")
        time.sleep(_LOOK_AGAIN_S)


def _lacking(offsets: Offsets, group: str, ends: Mapping[Partition, int]) -> dict[str, int]:
    committed = offsets.committed(group, ends)
    lacking: dict[str, int] = {}
    for partition, end in ends.items():
        if (records := end - committed.get(partition, 0)) > 0:
            lacking[partition[0]] = lacking.get(partition[0], 0) + records
    return lacking
