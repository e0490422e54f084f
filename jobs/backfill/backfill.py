"""Back-fills one workspace after the other: barrier, states, seeds, barrier, complete.

The work may end anywhere and is then done again from the start, by another attempt: a profile takes its seed in the
place of an earlier attempt's, and unites it only when this attempt is said to be complete.
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from functools import partial
from typing import NamedTuple

from definitions.sets import BackfillAttempt, BackfillProgress, Completion, DefinitionSet, Publication, UnknownLanguage
from jobs.backfill import metrics
from jobs.backfill.protocols import PastStates, SeedCommands, Topic, Wanted
from jobs.backfill.seeds import seeds
from jobs.backfill.wanted import wanted
from jobs.barrier import STEPS, Barrier
from jobs.failpoints import reached
from jobs.metrics import RETRIES
from jobs.refusals import AGAIN_AFTER_S, PastRefused, refusals_apart
from jobs.superseded import Superseded
from runtime.clock import now_ms
from runtime.errors import TransientError
from runtime.retrying import persist
from schemas import groups
from schemas.records import Seed
from schemas.topics import EVENTS_DEAD

PROGRESS_EVERY_S = 2.0
SHOWN = 10
SENT_AHEAD = 10_000
"""Seeds that profiles have yet to take: whatever merges meanwhile waits behind them, for about a second."""
_AGAIN = "trying again in a minute"

logger = logging.getLogger(__name__)


class _Sent(NamedTuple):
    """What one attempt has sent. `left_out`: profiles that got not all of it."""

    attempt: BackfillAttempt
    seeds: int
    left_out: set[str]


class Backfill:
    """For one thread. Raises Stopped when the process stops first, and TerminalError of Kafka."""

    def __init__(  # noqa: PLR0913, PLR0917 - wired once, by the process
        self,
        past: PastStates,
        commands: SeedCommands,
        topic: Topic,
        barrier: Barrier,
        partitions: int,
        stopping: threading.Event,
    ) -> None:
        self._past = past
        self._commands = commands
        self._topic = topic
        self._barrier = barrier
        self._partitions = partitions
        self._stopping = stopping
        self._not_before = 0.0
        self._postponed: dict[str, tuple[int, float]] = {}  # by workspace, a version and until when

    def run(self, positions: Mapping[str, int], fencing_token: int, rebuilding: Collection[str] = frozenset()) -> None:
        """Back-fill the workspaces in which something is wanted, if it can be done by now.

        `positions`: of each workspace that is this process's, how far it has read `identity.changes`: every decision
        before it is carried out, and none behind it is. `rebuilding`: of which that is not so, as rebuilds wait.
        """
        if time.monotonic() < self._not_before:
            return
        publication = persist("definitions", self._topic.read, self._stopping, RETRIES)
        newest = self._understood(publication)
        if newest is None or publication.stamped_everywhere(self._partitions) < newest.version:
            return
        for workspace, position in positions.items():
            complete_to = publication.complete_to(workspace, self._partitions)
            lacking = wanted(newest, workspace, complete_to)
            if not lacking or self._waits(workspace, newest):
                continue
            if workspace in rebuilding:
                self._postpone(workspace, newest, "rebuild", f"profiles are to be rebuilt first; {_AGAIN}")
            else:
                try:
                    self._backfill(workspace, lacking, position, fencing_token, publication)
                except Superseded as error:
                    logger.warning("workspace %r: the back-fill ends without a result: %s", workspace, error)
                except PastRefused as error:
                    self._postpone(workspace, newest, "query", f"{_AGAIN}: {error}")

    def _understood(self, publication: Publication) -> DefinitionSet | None:
        try:
            return publication.newest
        except UnknownLanguage as error:
            self._not_before = time.monotonic() + AGAIN_AFTER_S
            logger.error("nothing is back-filled: %s", error)
            return None

    def _waits(self, workspace: str, newest: DefinitionSet) -> bool:
        version, until = self._postponed.get(workspace, (0, 0.0))
        return version == newest.version and time.monotonic() < until

    def _postpone(self, workspace: str, newest: DefinitionSet, reason: str, step: str) -> None:
        """Say why a version is tried again later; others, and whatever else the process does, go on meanwhile."""
        logger.error("workspace %r: the back-fill of version %d: %s", workspace, newest.version, step)
        metrics.POSTPONED.labels(workspace, reason).inc()
        self._say(workspace, newest, step)
        self._postponed[workspace] = newest.version, time.monotonic() + AGAIN_AFTER_S

    def _backfill(
        self, workspace: str, lacking: tuple[Wanted, ...], position: int, fencing_token: int, publication: Publication
    ) -> None:
        newest = publication.newest
        assert newest is not None
        started = time.monotonic()
        logger.info("workspace %r: back-filling version %d of the definitions", workspace, newest.version)
        self._say(workspace, newest, "waiting until all that was routed before is in ClickHouse")
        reached("before_backfill")
        self._barrier.pass_routed()
        reached("behind_backfill_barrier")
        persist("refusals", self._commands.begin, self._stopping, RETRIES)
        complete_to = publication.complete_to(workspace, self._partitions)
        former = publication.completions.get(workspace)

        def send() -> _Sent:
            attempt = self._topic.begin_attempt(workspace, fencing_token, former)
            self._say(workspace, newest, "computing states")
            with refusals_apart():
                decision = self._past.decided(workspace, position)
            head = Seed(newest.version, attempt.name, "", decision, complete_to)
            return self._send(workspace, newest, lacking, head, attempt)

        attempt, profiles, left_out = persist("seeds", send, self._stopping, RETRIES)
        self._say(workspace, newest, "waiting until the profiles have it", profiles)
        self._await_taken()
        refused = persist("refused", lambda: self._commands.refused(attempt.name), self._stopping, RETRIES)
        if refused.others:
            step = f"profiles refused {refused.others:,} seeds, which are on {EVENTS_DEAD} now; {_AGAIN}"
            self._postpone(workspace, newest, "seeds", step)
            return
        left_out |= refused.too_large
        self._note_left_out(workspace, left_out)
        reached("before_complete")
        completion = Completion(newest.version, (), now_ms(), profiles, tuple(sorted(left_out)))
        complete = partial(self._topic.complete, workspace, attempt, completion)
        persist("complete", complete, self._stopping, RETRIES)
        reached("after_complete")
        metrics.PROFILES.inc(profiles)
        metrics.DURATION_S.observe(time.monotonic() - started)
        logger.info("workspace %r: %d profiles in %.1f s", workspace, profiles, time.monotonic() - started)

    def _send(
        self, workspace: str, newest: DefinitionSet, lacking: tuple[Wanted, ...], head: Seed, attempt: BackfillAttempt
    ) -> _Sent:
        """Send the seeds of one attempt, no faster than profiles take them."""
        said_at, sent, left_out = 0.0, 0, set[str]()
        for sent in self._commands.send(seeds(self._past, lacking, head, left_out)):
            if time.monotonic() - said_at >= PROGRESS_EVERY_S:
                said_at = time.monotonic()
                self._say(workspace, newest, "computing states", sent)
                reached("between_seeds")
            if self._stopping.is_set():
                raise TransientError("the process stops")
            self._barrier.keep_pace({groups.WORKER.name: dict(self._commands.ends())}, SENT_AHEAD)
        return _Sent(attempt, sent, left_out)

    def _note_left_out(self, workspace: str, profiles: Collection[str]) -> None:
        """Say whose past is more than a record holds: nobody else waits for them."""
        if profiles:
            logger.error(
                "workspace %r: %d profiles are left out of the back-fill, as it is too much: %s",
                workspace,
                len(profiles),
                ", ".join(sorted(profiles)[:SHOWN]),
            )
            metrics.LEFT_OUT.labels(workspace).inc(len(profiles))

    def _await_taken(self) -> None:
        """Return once every seed is at the end of its way: it takes as many steps as a stale event at most."""
        for _ in range(STEPS + 1):
            self._barrier.await_read({groups.WORKER.name: dict(self._commands.ends())}, "profiles taking seeds")

    def _say(self, workspace: str, newest: DefinitionSet, step: str, profiles: int = 0) -> None:
        try:
            self._topic.progress(workspace, BackfillProgress(newest.version, step, now_ms(), profiles))
        except TransientError as error:
            logger.warning("progress is not shown: %s", error)
