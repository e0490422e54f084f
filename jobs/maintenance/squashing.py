"""Squashes overrides into events (docs/decisions/0030): questions pay for what was decided since the last time only.

Overrides say where the events of an identifier belong. Once its events say so themselves its override is marked, and
costs nothing any more. Which statements do so is left to `warehouse.queries.overrides`.
"""

import logging
import threading
import time
from collections.abc import Mapping

from jobs.maintenance.failpoints import reached
from jobs.progress import Progress, Targets, described, ends_now, unread
from runtime.errors import TransientError
from runtime.kafka.offsets import Partition
from runtime.retrying import Stopped
from schemas import topics
from schemas.groups import SINK, WORKER
from warehouse.client import Warehouse
from warehouse.queries.clock import server_time
from warehouse.queries.overrides import Overrides

BARRIER_WITHIN_S = 60.0
BUCKET_SIZE = 200_000  # identifiers at once: some 60 MB in ClickHouse
_POLL_S = 0.1

logger = logging.getLogger(__name__)


class Squash:
    """The step of maintenance, for one thread."""

    name = "squash"
    needs = None

    def __init__(
        self, progress: Progress, barrier_within_s: float = BARRIER_WITHIN_S, bucket_size: int = BUCKET_SIZE
    ) -> None:
        self._progress = progress
        self._barrier_within_s = barrier_within_s
        self._bucket_size = bucket_size

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:  # noqa: ARG002 - a step's signature
        """Squash what had come when it began; what ClickHouse's clock says counts."""
        overrides = Overrides(warehouse, server_time(warehouse), self._bucket_size)
        if not overrides.count:
            overrides.forget()
            return "nothing to do, no event has an override"
        reached("before_barrier")
        self._await_routed(stop)
        reached("after_barrier")
        events = 0
        for bucket in overrides.buckets:
            for part, count in overrides.different_events(bucket).items():
                _check(stop)
                overrides.squash(bucket, part)
                reached("after_squashing")
                events += count
            overrides.mark(bucket)
            reached("after_marking")
        _check(stop)
        remaining = overrides.remaining()
        overrides.forget()
        reached("after_forgetting")
        return (
            f"{events:,} events got the profile of now, {overrides.count - remaining:,} overrides were squashed,"
            f" {remaining:,} remain"
        )

    def _await_routed(self, stop: threading.Event) -> None:
        """Return once every event that was routed before these overrides were decided is in the warehouse.

        RESOLVE must have read the routes before the ends of its output are taken: what it routes from then on goes to
        the profiles of now. The rest is what the sink had not read of events, and of decisions that it had not either.
        """
        deadline = time.monotonic() + self._barrier_within_s
        self._await_read({WORKER.name: self._ends(topics.IDENTITY_ROUTES)}, deadline, stop)
        routed = (topics.EVENTS_RESOLVED, topics.EVENTS_REPEATED, topics.PROFILES, topics.IDENTITY_CHANGES)
        self._await_read({SINK.name: self._ends(*routed)}, deadline, stop)

    def _ends(self, *names: str) -> Mapping[Partition, int]:
        return ends_now(self._progress, *names)

    def _await_read(self, targets: Targets, deadline: float, stop: threading.Event) -> None:
        while missing := unread(self._progress, targets):
            if time.monotonic() >= deadline:
                raise TransientError(
                    f"events are still on their way after {self._barrier_within_s:g} s: {described(missing)}"
                )
            if stop.wait(_POLL_S):
                raise Stopped


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped
