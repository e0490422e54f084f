"""How far a partition of PROFILE has read what has arrived: up to then, nothing can contradict a lapse any more.

Every quarter of a second the ends of `events` are noted. Once RESOLVE has committed them all, in whichever worker, what
had arrived by then lies in `events.resolved`, before the ends that it has now; once a partition of PROFILE has read up
to its own, time may pass for its profiles until the first look. See docs/decisions/0035.
"""

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import NamedTuple

from runtime.clock import now_ms
from runtime.errors import TerminalError, TransientError
from runtime.kafka.offsets import Offsets, Partition
from schemas.groups import WORKER
from schemas.topics import EVENTS, EVENTS_RESOLVED

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
UNKNOWN_AFTER_S = 10.0
"""Without an answer of the broker for so long, nobody knows how far PROFILE has read."""
MAX_NOTES = 1_000
"""Beyond this every second note is dropped: the further behind a worker is, the less often time passes."""


class _Note(NamedTuple):
    """At `at` (ms) or later, partitions ended at these offsets."""

    at: int
    ends: Mapping[Partition, int]


class ReadArrivals:
    """What had arrived when, and what of it is resolved. Pure: no clock, no broker. One thread notes, any may read."""

    def __init__(self) -> None:
        self._unresolved: tuple[_Note, ...] = ()
        self._resolved: tuple[_Note, ...] = ()

    def note(self, at: int, ends: Mapping[Partition, int]) -> None:
        """Note the ends of RESOLVE's topic, as they were at a time (ms) or later."""
        self._unresolved = _thinned((*self._unresolved, _Note(at, ends)))

    def newest_resolved(self, committed: Mapping[Partition, int]) -> int | None:
        """Return the newest time by which all that had arrived is resolved now, None if there is none, and forget it.

        `committed`: how far RESOLVE has come by now.
        """
        resolved = _count_within(self._unresolved, lambda note: _is_within(note.ends, committed))
        if not resolved:
            return None
        at = self._unresolved[resolved - 1].at
        self._unresolved = self._unresolved[resolved:]
        return at

    def note_resolved(self, at: int, ends: Mapping[Partition, int]) -> None:
        """Note the ends of PROFILE's topic, before which all lies that had arrived at a time."""
        self._resolved = _thinned((*self._resolved, _Note(at, ends)))

    def read_to(self, partition: Partition, read: int) -> int:
        """Return up to when (ms) a partition has read what has arrived; 0 if that cannot be said yet.

        `read`: the offset behind what it has read.
        """
        notes = self._resolved
        reached = _count_within(notes, lambda note: note.ends.get(partition, 0) <= read)
        return notes[reached - 1].at if reached else 0


def _is_within(ends: Mapping[Partition, int], read: Mapping[Partition, int]) -> bool:
    return all(read.get(partition, 0) >= end for partition, end in ends.items())


def _count_within(notes: tuple[_Note, ...], is_within: Callable[[_Note], bool]) -> int:
    """Count the notes, from the oldest on, for which something is true that is not true any more once it was not."""
    return bisect_left(notes, True, key=lambda note: not is_within(note))


def _thinned(notes: tuple[_Note, ...]) -> tuple[_Note, ...]:
    return notes if len(notes) <= MAX_NOTES else notes[::2]


class ArrivalsWatch:
    """A thread that looks at one Kafka. `read_behind`: offset behind what a partition of PROFILE here has read."""

    def __init__(self, kafka: str, partitions: int, read_behind: Callable[[int], int]) -> None:
        self._kafka = kafka
        self._events = [(EVENTS, partition) for partition in range(partitions)]
        self._resolved_events = [(EVENTS_RESOLVED, partition) for partition in range(partitions)]
        self._read_behind = read_behind
        self._arrivals = ReadArrivals()
        self._looked_at = float("-inf")  # by the monotonic clock
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more. Does not wait for a look that is under way."""
        self._is_stopping.set()

    def read_to(self, partition: int) -> int | None:
        """Return up to when (ms) a partition of PROFILE has read what has arrived; 0: not known yet, None: unknown."""
        if time.monotonic() - self._looked_at > UNKNOWN_AFTER_S:
            return None
        return self._arrivals.read_to((EVENTS_RESOLVED, partition), self._read_behind(partition))

    def _run(self) -> None:
        offsets = Offsets(self._kafka)
        while not self._is_stopping.wait(LOOK_EVERY_S):
            try:
                self._look(offsets)
            except (TransientError, TerminalError) as error:
                log.warning("how far events are read is not known: deadlines fire by the clock: %s", error)

    def _look(self, offsets: Offsets) -> None:
        now = now_ms()
        self._arrivals.note(now, offsets.ends(self._events))
        resolved_to = self._arrivals.newest_resolved(offsets.committed(WORKER.name, self._events))
        if resolved_to is not None:
            self._arrivals.note_resolved(resolved_to, offsets.ends(self._resolved_events))
        self._looked_at = time.monotonic()
