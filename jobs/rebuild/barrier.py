"""Waits until nothing that was under way before a decision can still arrive: step 3 of decision 0009.

Every target is an end as it was at one moment, so the barrier ends under endless load.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping

from jobs.rebuild import metrics
from jobs.rebuild.protocols import Progress
from runtime.kafka.offsets import Extent, Partition
from runtime.retrying import Stopped, persist
from schemas import topics
from schemas.groups import SINK, WORKER

STEPS = 5  # as many as a stale event takes, see docs/decisions/0016
POLL_S = 0.05
LOG_EVERY_S = 10.0

Targets = Mapping[str, Mapping[Partition, int]]
"""Consumer group -> partition -> the offset that it must have committed."""

logger = logging.getLogger(__name__)


class Barrier:
    """For one thread. Kafka may be away for as long as it likes; raises Stopped when the process stops first."""

    def __init__(self, progress: Progress, stopping: threading.Event, poll_s: float = POLL_S) -> None:
        self._progress = progress
        self._stopping = stopping
        self._poll_s = poll_s

    def cut(self) -> tuple[int, ...]:
        """Pass, and return the end of each partition of `events.resolved` that everything before has arrived by.

        The worker must have read the commands before the cut is taken: whatever a profile folds before it hears that it
        is to be rebuilt has to lie before the cut, for it is replayed and else would be lost.
        """
        commanded = self._extents(topics.IDENTITY_ROUTES, topics.PROFILE_COMMANDS)
        self.await_read({WORKER.name: ends(commanded)}, "the decision")
        resolved = self._extents(topics.EVENTS_RESOLVED)
        self.await_read({WORKER.name: ends(resolved), SINK.name: ends(resolved)}, "events routed before it")
        for _ in range(STEPS):
            self.await_read({WORKER.name: ends(self._extents(topics.PROFILE_COMMANDS))}, "profiles sending them on")
        self._await_published()
        return tuple(extent.end for _, extent in sorted(resolved.items()))

    def pass_attempt(self) -> None:
        """Pass once the warehouse has what profiles published because of an attempt that broke off.

        What they said of its events would else come while the next attempt reads them: every attempt reads the same.
        """
        self.await_read({WORKER.name: ends(self._extents(topics.PROFILE_COMMANDS))}, "the attempt before")
        self._await_published()

    def await_written(self) -> None:
        """Return once the warehouse knows by what was published so far whose events are whose."""
        published = self._extents(topics.PROFILES, topics.IDENTITY_CHANGES, topics.EVENTS_REPEATED)
        self.await_read({SINK.name: ends(published)}, "profiles of before")

    def await_read(self, targets: Targets, what: str) -> None:
        """Return once every group has committed every target; `what` is for the log."""
        log_at = time.monotonic() + LOG_EVERY_S
        while missing := unread(targets, {group: self._committed(group, of) for group, of in targets.items()}):
            if time.monotonic() >= log_at:
                logger.info("waiting for %s: %s", what, described(missing))
                log_at += LOG_EVERY_S
            if self._stopping.wait(self._poll_s):
                raise Stopped

    def _await_published(self) -> None:
        published = self._extents(topics.SESSIONS, topics.EVENTS_REPEATED)
        self.await_read({SINK.name: ends(published)}, "sessions and repetitions of before")

    def _committed(self, group: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        return persist("offsets", lambda: self._progress.committed(group, partitions), self._stopping, metrics.RETRIES)

    def _extents(self, *names: str) -> Mapping[Partition, Extent]:
        return persist(
            "offsets",
            lambda: self._progress.extents(self._progress.partitions(names)),
            self._stopping,
            metrics.RETRIES,
        )


def ends(extents: Mapping[Partition, Extent]) -> dict[Partition, int]:
    """What to wait for: the ends of the partitions that hold something."""
    return {partition: extent.end for partition, extent in extents.items() if not extent.is_empty}


def unread(targets: Targets, committed: Targets) -> dict[tuple[str, str], int]:
    """Group and topic -> offsets that are missing; nothing if all targets are reached."""
    missing: dict[tuple[str, str], int] = {}
    for group, wanted in targets.items():
        for partition, end in wanted.items():
            lag = end - committed[group].get(partition, 0)
            if lag > 0:
                missing[group, partition[0]] = missing.get((group, partition[0]), 0) + lag
    return missing


def described(missing: Mapping[tuple[str, str], int]) -> str:
    """Say for a log line what is missing."""
    return ", ".join(f"{group} has {records} records of {topic} to read" for (group, topic), records in missing.items())
