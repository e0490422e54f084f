"""Rebuilds profiles: barrier, events, replay, rebuilt. Leaves what each step waits for to the module of its name.

The work may end anywhere and is then done again from the start: a profile begins anew with chunk 0 of a new attempt,
and ignores the replay of a decision that it has done with.
"""

import heapq
import logging
import threading
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from jobs.rebuild import metrics
from jobs.rebuild.barrier import Barrier
from jobs.rebuild.changes import Changes
from jobs.rebuild.claims import Claims, Job, jobs
from jobs.rebuild.failpoints import reached
from jobs.rebuild.refusals import Refusals
from jobs.rebuild.replays import Replays, SentReplay
from runtime.errors import TransientError
from runtime.kafka.offsets import Partition
from runtime.retrying import persist
from schemas import topics
from schemas.groups import WORKER
from schemas.identity import default_profile_id
from schemas.records import Claimant, Identifier, IdentityChange
from warehouse.queries.replays import Row, Warehouse, slices

logger = logging.getLogger(__name__)


class Rebuilder:
    """Rebuilds what changes ask for. Raises Stopped when the process stops first, and TerminalError."""

    def __init__(  # noqa: PLR0913, PLR0917 - wired once, in __main__
        self,
        changes: Changes,
        barrier: Barrier,
        warehouse: Warehouse,
        replays: Replays,
        refusals: Refusals,
        namespaces: Mapping[str, uuid.UUID],
        stopping: threading.Event,
    ) -> None:
        self._changes = changes
        self._barrier = barrier
        self._warehouse = warehouse
        self._replays = replays
        self._refusals = refusals
        self._namespaces = namespaces
        self._stopping = stopping

    def rebuild(self, changes: Sequence[IdentityChange]) -> None:
        """Rebuild every profile that these changes name, all behind one barrier, and publish so for each change.

        Nothing is published of a change with a profile whose replay PROFILE could not take: that one still waits.
        """
        started = time.monotonic()
        metrics.WAITING.set(len(changes))
        reached("before_barrier")
        cut = self._barrier.cut()
        reached("after_barrier")
        persist("refusals", self._refusals.begin, self._stopping, metrics.RETRIES)
        sent = {job: self._replay(job, cut) for job in jobs(changes)}
        self._barrier.await_read({WORKER.name: _ends(sent.values())}, "profiles being rebuilt")
        refused = self._refused(sent)
        reached("before_rebuilt")
        elapsed_s = time.monotonic() - started
        rebuilt = [_rebuilt(change, sent, elapsed_s) for change in changes if not _concerns(change, refused)]
        persist("rebuilt", lambda: self._changes.publish(rebuilt), self._stopping, metrics.RETRIES)
        reached("before_offsets")
        _count(changes, sent, refused, elapsed_s)

    def _replay(self, job: Job, cut: Sequence[int]) -> SentReplay:
        def attempt() -> SentReplay:
            # Sessions of long before a merge still bear the id of the profile that gave way.
            profile_ids = (job.claimant.profile_id, *self._own_profiles(job))
            published = self._warehouse.published(job.workspace, tuple(dict.fromkeys(profile_ids)))
            return self._replays.send(job, self._bodies(job, cut), published, self._changes.fencing_token)

        return persist("replay", attempt, self._stopping, metrics.RETRIES)

    def _refused(self, sent: Mapping[Job, SentReplay]) -> frozenset[Job]:
        """The jobs of which a chunk became a dead letter; logs each."""
        places = {(one.partition, offset): job for job, one in sent.items() for offset in one.offsets}
        found = persist("refusals", lambda: self._refusals.of(places), self._stopping, metrics.RETRIES)
        refused = {places[place]: place for place in sorted(found)}
        for job, (partition, offset) in refused.items():
            logger.error(
                "profile %s of workspace %r still waits for the replay of decision %d: %s has the chunk at"
                " partition %d, offset %d of %s; a later decision about the profile begins anew",
                job.claimant.profile_id, job.workspace, job.decision,
                topics.EVENTS_DEAD, partition, offset, topics.PROFILE_COMMANDS,
            )  # fmt: skip
        return frozenset(refused)

    def _own_profiles(self, job: Job) -> Iterator[str]:
        namespace = self._namespaces.get(job.workspace)
        if namespace is None:
            return
        for claim in job.claimant.claims:
            yield default_profile_id(namespace, Identifier(claim.namespace, claim.value))

    def _bodies(self, job: Job, cut: Sequence[int]) -> Iterator[bytes]:
        claims = Claims(job.claimant.claims)
        return (
            row.body
            for row in self._rows(job.workspace, claims, cut)
            if row.identifiers and claims.hold(row.identifiers[0], row.occurred_at)
        )

    def _rows(self, workspace: str, claims: Claims, cut: Sequence[int]) -> Iterator[Row]:
        """In order of time and place, each once, though it may have values of several questions."""
        answers = [self._rows_of(workspace, values, cut) for values in slices(claims.values)]
        last: Row | None = None
        for row in heapq.merge(*answers, key=_order):
            if last is None or _order(last) != _order(row):
                yield row
            last = row

    def _rows_of(self, workspace: str, values: Sequence[str], cut: Sequence[int]) -> Iterator[Row]:
        """Page by page until one is empty; a page that breaks off is followed by the next all the same."""
        last: Row | None = None
        while True:
            before = last
            try:
                for row in self._warehouse.events(workspace, values, cut, last):
                    last = row
                    yield row
            except TransientError as error:
                if last is before:
                    raise
                logger.warning("%s; going on behind the last event that came", error)
                continue
            if last is before:
                return


def _order(row: Row) -> tuple[int, int, int]:
    return row.occurred_at, row.offset, row.partition


def _ends(sent: Iterable[SentReplay]) -> dict[Partition, int]:
    """What the worker has read when it has read all chunks."""
    ends: dict[Partition, int] = {}
    for one in sent:
        place = (topics.PROFILE_COMMANDS, one.partition)
        ends[place] = max(one.end, ends.get(place, 0))
    return ends


def _rebuilt(change: IdentityChange, sent: Mapping[Job, SentReplay], elapsed_s: float) -> IdentityChange:
    """The end of a change's story. Profiles that a later decision concerns count there."""
    return IdentityChange(
        workspace=change.workspace,
        decision=change.decision,
        kind="rebuilt",
        occurred_at=time.time_ns() // 1_000_000,
        request_id=change.request_id,
        rule_version=change.rule_version,
        claimants=tuple(Claimant(claimant.profile_id, ()) for claimant in change.claimants),
        events=sum(one.events for job, one in sent.items() if _is_of(job, change)),
        milliseconds=round(elapsed_s * 1000),
    )


def _is_of(job: Job, change: IdentityChange) -> bool:
    return (job.workspace, job.decision) == (change.workspace, change.decision)


def _concerns(change: IdentityChange, some: Iterable[Job]) -> bool:
    profiles = {(job.workspace, job.claimant.profile_id) for job in some}
    return any((change.workspace, claimant.profile_id) in profiles for claimant in change.claimants)


def _count(
    changes: Sequence[IdentityChange], sent: Mapping[Job, SentReplay], refused: Collection[Job], elapsed_s: float
) -> None:
    events = sum(one.events for one in sent.values())
    for change in changes:
        outcome = "rebuilt" if any(_is_of(job, change) for job in sent) else "superseded"
        metrics.JOBS.labels("refused" if _concerns(change, refused) else outcome).inc()
    rebuilt = len(sent) - len(refused)
    metrics.PROFILES.inc(rebuilt)
    metrics.REFUSED.inc(len(refused))
    metrics.EVENTS.inc(events)
    metrics.JOB_S.observe(elapsed_s)
    metrics.WAITING.set(0)
    logger.info("%d changes: %d profiles rebuilt from %d events in %.1f s", len(changes), rebuilt, events, elapsed_s)
