"""Waits until nothing that was under way before a decision can still arrive: step 3 of decision 0009.

Every target is an end as it was at one moment, so the barrier ends under endless load.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from jobs.metrics import RETRIES
from jobs.progress import Progress, Targets, described, ends, ends_now, unread
from runtime.kafka.offsets import Extent, Partition
from runtime.retrying import Stopped, persist
from schemas import topics
from schemas.groups import SINK, WORKER

STEPS = 5  # as many as a stale event takes, see docs/decisions/0016
POLL_S = 0.05
LOG_EVERY_S = 10.0
PATIENCE_S = 5.0
_SAYING_WHOSE = (topics.PROFILES, topics.IDENTITY_CHANGES, topics.EVENTS_REPEATED)  # the events are

Answer = TypeVar("Answer")

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
        resolved = self._await_folded()
        published = self._ends(topics.SESSIONS, topics.EVENTS_REPEATED)
        self.await_read({SINK.name: {**ends(resolved), **published}}, "events, sessions and repetitions of before")
        return tuple(extent.end for _, extent in sorted(resolved.items()))

    def pass_routed(self) -> None:
        """Pass once the warehouse has all that was routed before, and knows by what was published whose it is.

        The sink is waited for once, at the end: each time takes as long as its inserts are apart, and more.
        """
        resolved = self._await_folded()
        published = self._ends(*_SAYING_WHOSE)
        self.await_read({SINK.name: {**ends(resolved), **published}}, "events and profiles of before")

    def pass_attempt(self) -> None:
        """Pass once the warehouse has what profiles published because of an attempt that broke off.

        What they said of its events would else come while the next attempt reads them: every attempt reads the same.
        """
        self.await_read({WORKER.name: self._ends(topics.PROFILE_COMMANDS)}, "the attempt before")
        self._await_published()

    def await_written(self) -> None:
        """Return once the warehouse knows by what was published so far whose events are whose."""
        self.await_read({SINK.name: self._ends(*_SAYING_WHOSE)}, "profiles of before")

    def keep_pace(self, targets: Targets, most: int) -> None:
        """Return once no more than so many records of all targets are missing, or none was read for a while."""
        missing, changed_at = 0, time.monotonic()
        while (now_missing := sum(self._persist(lambda: unread(self._progress, targets)).values())) > most:
            if now_missing != missing:
                missing, changed_at = now_missing, time.monotonic()
            elif time.monotonic() - changed_at > PATIENCE_S:
                return
            if self._stopping.wait(self._poll_s):
                raise Stopped

    def await_read(self, targets: Targets, what: str) -> None:
        """Return once every group has committed every target; `what` is for the log."""
        log_at = time.monotonic() + LOG_EVERY_S
        while missing := self._persist(lambda: unread(self._progress, targets)):
            if time.monotonic() >= log_at:
                logger.info("waiting for %s: %s", what, described(missing))
                log_at += LOG_EVERY_S
            if self._stopping.wait(self._poll_s):
                raise Stopped

    def _await_folded(self) -> Mapping[Partition, Extent]:
        """Wait until every event routed so far is at the end of its way; return what `events.resolved` held."""
        commanded = self._ends(topics.IDENTITY_ROUTES, topics.PROFILE_COMMANDS)
        self.await_read({WORKER.name: commanded}, "the decision")
        resolved = self._extents(topics.EVENTS_RESOLVED)
        self.await_read({WORKER.name: ends(resolved)}, "events routed before it")
        for _ in range(STEPS):
            self.await_read({WORKER.name: self._ends(topics.PROFILE_COMMANDS)}, "profiles sending them on")
        return resolved

    def _await_published(self) -> None:
        published = self._ends(topics.SESSIONS, topics.EVENTS_REPEATED)
        self.await_read({SINK.name: published}, "sessions and repetitions of before")

    def _ends(self, *names: str) -> Mapping[Partition, int]:
        return self._persist(lambda: ends_now(self._progress, *names))

    def _extents(self, *names: str) -> Mapping[Partition, Extent]:
        return self._persist(lambda: self._progress.extents(self._progress.partitions(names)))

    def _persist(self, query: Callable[[], Answer]) -> Answer:
        return persist("offsets", query, self._stopping, RETRIES)
