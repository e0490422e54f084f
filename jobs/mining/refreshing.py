"""Refreshes what is due: barrier, query, commands, and what came of it.

The work may end anywhere and is then begun anew: a refresh sends what profiles do not show yet.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import msgspec

from definitions.model import Mining
from definitions.sets import Publication
from definitions.sets.refreshes import DueRefresh, Refresh, name_of
from jobs.barrier import STEPS, Barrier
from jobs.failpoints import reached
from jobs.metrics import RETRIES
from jobs.mining import metrics
from jobs.mining.protocols import MineCommands, Queries, RefreshTopic
from jobs.superseded import Superseded
from runtime.clock import now_ms
from runtime.errors import OnefoldError, UnreachableError
from runtime.retrying import Stopped, persist
from schemas import groups
from schemas.records import Mine, ProfileCommand
from warehouse.queries.mining import Compared, MinedQuery

SHOWN_CHARACTERS = 1_000

logger = logging.getLogger(__name__)


class QueryFailed(Exception):
    """The query of a trait could not be run; the text says why. `is_soon_again`: nobody answered."""

    def __init__(self, cause: OnefoldError) -> None:
        super().__init__(str(cause)[:SHOWN_CHARACTERS])
        self.is_soon_again = isinstance(cause, UnreachableError)


class Refresher:
    """For one thread. Raises Stopped when the process stops first, and TerminalError of Kafka."""

    def __init__(  # noqa: PLR0913, PLR0917 - wired once, by the process
        self,
        queries: Queries,
        commands: MineCommands,
        topic: RefreshTopic,
        barrier: Barrier,
        partitions: int,
        stopping: threading.Event,
        now: Callable[[], int] = now_ms,
    ) -> None:
        self._queries = queries
        self._commands = commands
        self._topic = topic
        self._barrier = barrier
        self._partitions = partitions
        self._stopping = stopping
        self._now = now

    def run(self, workspaces: Iterable[str], fencing_token: int) -> None:
        """Refresh one trait of each workspace in which one is due: others have their turn in between."""
        publication = persist("definitions", self._topic.read, self._stopping, RETRIES)
        for workspace in workspaces:
            due = publication.due_refreshes(workspace, self._partitions, self._now())
            if due:
                longest_due = min(due, key=lambda each: _queried_at(publication, workspace, each))
                self._refresh(publication, workspace, longest_due, fencing_token)

    def _refresh(self, publication: Publication, workspace: str, due: DueRefresh, fencing_token: int) -> None:
        started, trait = time.monotonic(), due.trait.name
        reached("before_refresh")
        self._barrier.pass_attempt()
        self._barrier.await_written()
        evaluated = publication.evaluated(workspace, self._partitions)
        assert evaluated is not None
        new = Refresh(fencing_token, 0, evaluated.version, self._now())
        try:
            begin = partial(self._topic.begin, workspace, trait, new)
            begun = persist("refresh", begin, self._stopping, RETRIES)
            reached("behind_refresh_barrier")
            try:
                ended = self._sent(publication, workspace, due, begun)
            except QueryFailed as failed:
                logger.error("workspace %r: the query of trait %r failed: %s", workspace, trait, failed)
                ended = msgspec.structs.replace(begun, error=str(failed), is_soon_again=failed.is_soon_again)
            ended = msgspec.structs.replace(ended, ended_at=self._now())
            reached("before_refreshed")
            end = partial(self._topic.end, workspace, trait, ended)
            persist("refresh", end, self._stopping, RETRIES)
        except Superseded as error:
            logger.warning("workspace %r: the refresh of trait %r ends without a result: %s", workspace, trait, error)
            return
        metrics.REFRESHES.labels(workspace, trait, "failed" if ended.error else "done").inc()
        metrics.DURATION_S.observe(time.monotonic() - started)

    def _sent(self, publication: Publication, workspace: str, due: DueRefresh, begun: Refresh) -> Refresh:
        """Ask, send what is different, and return once profiles have it. Raises QueryFailed."""
        trait, counts = due.trait, Counter[str]()
        assert isinstance(trait.value, Mining)
        query = MinedQuery(workspace, trait.kind, trait.name, trait.value.query, due.is_new)
        complete_to = publication.complete_to(workspace, self._partitions)
        pattern = Mine(trait.name, None, "", begun.queried_at, begun.version, complete_to, due.is_changed)

        def send() -> None:
            counts.clear()
            for block in self._blocks(query):
                counts.update(block.counts)
                self._commands.send(_commands(workspace, block, pattern))
                reached("between_mined")
                if self._stopping.is_set():
                    raise Stopped

        persist("mined", send, self._stopping, RETRIES)
        for _ in range(STEPS):
            ends = persist("ends", self._commands.ends, self._stopping, RETRIES)
            self._barrier.await_read({groups.WORKER.name: ends}, "profiles taking what was found")
        for outcome, number in counts.items():
            metrics.VALUES.labels(workspace, trait.name, outcome).inc(number)
        logger.info("workspace %r: trait %r: %s", workspace, trait.name, dict(counts))
        return msgspec.structs.replace(
            begun,
            found=counts["same"] + counts["changed"],
            **{outcome: counts[outcome] for outcome in ("changed", "lost", "unknown", "misfits")},
        )

    def _blocks(self, query: MinedQuery) -> Iterator[Compared]:
        """Yield what is different. Raises QueryFailed for whatever ClickHouse says: nothing else may wait for it."""
        blocks = self._queries.compare(query)
        while True:
            try:
                block = next(blocks, None)
            except OnefoldError as error:
                raise QueryFailed(error) from error
            if block is None:
                return
            yield block


def _queried_at(publication: Publication, workspace: str, due: DueRefresh) -> int:
    last = publication.refreshes.get(name_of(workspace, due.trait.name))
    return 0 if last is None else last.queried_at


def _commands(workspace: str, block: Compared, pattern: Mine) -> Iterator[ProfileCommand]:
    for profile_id, value in block.values.items():
        mine = msgspec.structs.replace(pattern, value=value, origin=profile_id)
        yield ProfileCommand.of(workspace, profile_id, mine)
