"""Rebuilds profiles: barrier, events, replay, rebuilt. Leaves what each step waits for to the module of its name.

The work may end anywhere and is then done again from the start: a profile begins anew with chunk 0 of a new attempt,
and ignores the replay of a decision that it has done with.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from jobs.barrier import Barrier
from jobs.failpoints import reached
from jobs.metrics import RETRIES
from jobs.rebuild import metrics
from jobs.rebuild.chunks import MAX_EVENTS
from jobs.rebuild.claims import WantedRebuild, wanted_rebuilds
from jobs.rebuild.events import claimed
from jobs.rebuild.protocols import Commands, Past
from jobs.rebuild.replays import Attempt, SentReplay
from jobs.refusals import PastRefused, refusals_apart
from runtime.clock import now_ms
from runtime.kafka.offsets import Partition
from runtime.retrying import persist
from schemas import groups, topics
from schemas.changes import RETENTION
from schemas.identity import default_profile_id, device_profile_id
from schemas.records import Claimant, Identifier, IdentityChange
from warehouse.queries.past_events import PastEvent
from warehouse.queries.retention import utc_day

logger = logging.getLogger(__name__)


class RebuildOutcome(NamedTuple):
    """What came of changes. `rebuilt`: to be published. `postponed`: to be tried again, as a profile's past is refused.

    Of a change with a profile that could not take its replay there is neither: that one waits for a later decision.
    """

    rebuilt: tuple[IdentityChange, ...]
    postponed: tuple[IdentityChange, ...]


class Rebuilder:
    """Rebuilds what changes name, for one thread. Raises Stopped when the process stops first, and TerminalError."""

    def __init__(  # noqa: PLR0913, PLR0917 - wired once, in __main__
        self,
        past: Past,
        commands: Commands,
        barrier: Barrier,
        namespaces: Mapping[str, uuid.UUID],
        stopping: threading.Event,
        chunk_events: int = MAX_EVENTS,
        complete_to: Callable[[str], int] = lambda _: 0,
    ) -> None:
        """`complete_to`: the version of the definitions that is complete in a workspace."""
        self._past = past
        self._commands = commands
        self._barrier = barrier
        self._namespaces = namespaces
        self._stopping = stopping
        self._chunk_events = chunk_events
        self._attempts = 0
        self._complete_to = complete_to

    def rebuild(self, changes: Sequence[IdentityChange], fencing_token: int) -> RebuildOutcome:
        """Rebuild every profile that these changes name, all behind one barrier."""
        started = time.monotonic()
        metrics.WAITING.set(len(changes))
        reached("before_barrier")
        cut = self._barrier.cut()
        reached("after_barrier")
        persist("refusals", self._commands.watch_refusals, self._stopping, RETRIES)
        sent: dict[WantedRebuild, SentReplay] = {}
        unanswered: dict[WantedRebuild, PastRefused] = {}
        for wanted in wanted_rebuilds(changes):
            try:
                sent[wanted] = self._replay(wanted, cut, fencing_token)
            except PastRefused as error:
                unanswered[wanted] = error
        _log_unanswered(unanswered)
        self._barrier.await_read({groups.WORKER.name: _ends(sent.values())}, "profiles being rebuilt")
        refused = self._refused(sent)
        elapsed_s = time.monotonic() - started
        postponed = tuple(change for change in changes if _concerns(change, unanswered))
        ended = [change for change in changes if change not in postponed]
        _count(ended, sent, refused, elapsed_s)
        rebuilt = (_rebuilt(change, sent, elapsed_s) for change in ended if not _concerns(change, refused))
        return RebuildOutcome(tuple(rebuilt), postponed)

    def _replay(self, wanted: WantedRebuild, cut: Sequence[int], fencing_token: int) -> SentReplay:
        # Sessions may still bear the id of a profile that gave way: one merged long ago, or a device's that waited.
        profile_ids = tuple(dict.fromkeys((wanted.claimant.profile_id, *self._own_profiles(wanted))))

        before = self._attempts

        def read_and_send() -> SentReplay:
            if self._attempts > before:
                self._barrier.pass_attempt()
            self._attempts += 1
            complete_to = self._complete_to(wanted.workspace)
            attempt = Attempt(wanted, fencing_token, self._attempts, self._chunk_events, complete_to)
            with refusals_apart():
                published = self._past.published(wanted.workspace, profile_ids)
            replays = attempt.replays(_claimed(self._past, wanted, cut), published)
            positions = self._commands.send(wanted.workspace, wanted.claimant.profile_id, replays)
            with refusals_apart():
                return SentReplay(attempt.events, positions, self._past.events_since(wanted.workspace))

        return persist("replay", read_and_send, self._stopping, RETRIES)

    def _own_profiles(self, wanted: WantedRebuild) -> Iterator[str]:
        namespace = self._namespaces.get(wanted.workspace)
        if namespace is not None:
            for claim in wanted.claimant.claims:
                identifier = Identifier(claim.namespace, claim.value)
                yield default_profile_id(namespace, identifier)
                if claim.since is None and claim.until is None:  # of a device that keeps some events it is a period
                    yield device_profile_id(namespace, identifier)

    def _refused(self, sent: Mapping[WantedRebuild, SentReplay]) -> frozenset[WantedRebuild]:
        """Find the rebuilds of which a chunk became a dead letter; logs each."""
        by_position = {position: wanted for wanted, replay in sent.items() for position in replay.positions}
        positions = persist("refusals", lambda: self._commands.refused(by_position), self._stopping, RETRIES)
        refused = {by_position[position]: position for position in sorted(positions)}
        for wanted, position in refused.items():
            logger.error(
                "profile %s of workspace %r still waits for the replay of decision %d: %s has the chunk at"
                " partition %d, offset %d of %s; a later decision about the profile begins anew",
                wanted.claimant.profile_id, wanted.workspace, wanted.decision,
                topics.EVENTS_DEAD, *position, topics.PROFILE_COMMANDS,
            )  # fmt: skip
        return frozenset(refused)


def _claimed(past: Past, wanted: WantedRebuild, cut: Sequence[int]) -> Iterator[PastEvent]:
    with refusals_apart():
        yield from claimed(past, wanted, cut)


def _log_unanswered(unanswered: Mapping[WantedRebuild, PastRefused]) -> None:
    """Say in one line that profiles wait, and what ClickHouse has against the first of them."""
    if not unanswered:
        return
    wanted, error = next(iter(unanswered.items()))
    logger.error(
        "%d profiles wait for their rebuild, and are tried again in a minute; profile %s of workspace %r: %s",
        len(unanswered), wanted.claimant.profile_id, wanted.workspace, error,
    )  # fmt: skip


def _ends(sent: Iterable[SentReplay]) -> dict[Partition, int]:
    """What the worker has read when it has read all chunks."""
    ends: dict[Partition, int] = {}
    for replay in sent:
        for position in replay.positions:
            partition = (topics.PROFILE_COMMANDS, position.partition)
            ends[partition] = max(position.offset + 1, ends.get(partition, 0))
    return ends


def _rebuilt(change: IdentityChange, sent: Mapping[WantedRebuild, SentReplay], elapsed_s: float) -> IdentityChange:
    """The end of a change's story. Profiles that a later decision concerns count there."""
    replays = [replay for wanted, replay in sent.items() if _is_of(wanted, change)]
    return IdentityChange(
        workspace=change.workspace,
        decision=change.decision,
        kind="rebuilt",
        occurred_at=now_ms(),
        request_id=change.request_id,
        rule_version=change.rule_version,
        reason=_what_is_gone(replays),
        claimants=tuple(Claimant(claimant.profile_id, ()) for claimant in change.claimants),
        events=sum(replay.events for replay in replays),
        milliseconds=round(elapsed_s * 1000),
    )


def _what_is_gone(replays: Iterable[SentReplay]) -> str:
    """Say since when there are events, if older ones were dropped: nobody shall take what is left for all there was."""
    times = [replay.events_since for replay in replays if replay.events_since is not None]
    return f"{RETENTION}:{utc_day(max(times))}" if times else ""


def _is_of(wanted: WantedRebuild, change: IdentityChange) -> bool:
    return (wanted.workspace, wanted.decision) == (change.workspace, change.decision)


def _concerns(change: IdentityChange, some: Iterable[WantedRebuild]) -> bool:
    profiles = {(wanted.workspace, wanted.claimant.profile_id) for wanted in some}
    return any((change.workspace, claimant.profile_id) in profiles for claimant in change.claimants)


def _count(
    changes: Sequence[IdentityChange],
    sent: Mapping[WantedRebuild, SentReplay],
    refused: Collection[WantedRebuild],
    elapsed_s: float,
) -> None:
    events = sum(replay.events for replay in sent.values())
    for change in changes:
        outcome = "rebuilt" if any(_is_of(wanted, change) for wanted in sent) else "superseded"
        metrics.CHANGES.labels("refused" if _concerns(change, refused) else outcome).inc()
    rebuilt = len(sent) - len(refused)
    metrics.PROFILES.inc(rebuilt)
    metrics.REFUSED.inc(len(refused))
    metrics.EVENTS.inc(events)
    metrics.REBUILD_S.observe(elapsed_s)
    metrics.WAITING.set(0)
    logger.info("%d changes: %d profiles rebuilt from %d events in %.1f s", len(changes), rebuilt, events, elapsed_s)
