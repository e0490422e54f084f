"""Evaluates each trigger of each workspace at its ticks, and publishes what fires with what is to be remembered."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from definitions.across import Course, Memory, at_or_before, meaning_of, tick_ms
from definitions.model import AcrossTrigger
from definitions.sets import Publication
from jobs.across import metrics
from jobs.across.defined import Defined, in_effect
from jobs.across.level import Level
from jobs.across.outputs import AcrossOutputs
from jobs.across.protocols import AcrossPast, FencedWorkspace, Unanswered, WorkspaceFence
from jobs.failpoints import reached
from runtime.errors import TerminalError, TransientError
from runtime.kafka.transactions import ProducerFenced
from settings import Workspace
from warehouse.queries.across import TriggerTicks

SAY_EVERY_S = 30.0
"""So often what is remembered is written though nothing has changed but the last tick."""
RANGE_MS = 86_400_000
RANGES_AT_ONCE = 20
"""So much time is evaluated by one query, and on the event clock so many queries are run in a row."""

logger = logging.getLogger(__name__)


class _Progress(NamedTuple):
    """What is known of a trigger; `said_at`: when (monotonic, s) it was published last."""

    memory: Memory
    said_at: float


class _Own:
    """A workspace that this process publishes for.

    `done_at`: the level (ms) at which nothing was left to evaluate of a trigger.
    """

    def __init__(self, fenced: FencedWorkspace) -> None:
        self.fenced = fenced
        self.progress = {name: _Progress(memory, 0.0) for name, memory in fenced.memories.items()}
        self.done_at: dict[str, int] = {}


class AcrossEvaluator:
    """For one thread. Evaluates for the workspaces that were assigned last; others may evaluate the rest.

    A trigger that cannot be answered or published, whatever its data, is tried again at its next tick (`_not_before`,
    ms); nothing else ends because of it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - wired once, by the process
        self,
        past: AcrossPast,
        fence: WorkspaceFence,
        level: Level,
        outputs: AcrossOutputs,
        publication: Callable[[], Publication],
        workspaces: Mapping[str, Workspace],
        partitions: int,
    ) -> None:
        self._past = past
        self._fence = fence
        self._level = level
        self._outputs = outputs
        self._publication = publication
        self._workspaces = workspaces
        self._partitions = partitions
        self._token = 0
        self._own: dict[str, _Own] = {}
        self._lost: set[str] = set()
        self._not_before: dict[tuple[str, str], int] = {}

    def look(self, assigned: frozenset[str], token: int, now: int) -> None:
        """Evaluate what is due at `now` (ms). Raises TransientError, and TerminalError of what is no trigger's.

        `token`: of this assignment of workspaces; a later one has another.
        """
        self._follow(assigned, token)
        publication = self._publication()
        if not any(each.across for each in publication.sets.values()):
            return
        defined = {name: in_effect(publication, name, self._partitions) for name in sorted(assigned - self._lost)}
        if not any(defined.values()):
            return
        level = self._level.look(now)
        for workspace, triggers in defined.items():
            try:
                for each in triggers:
                    self._evaluate_due(workspace, each, level, now)
            except ProducerFenced:
                logger.warning("workspace %r: another process evaluates its triggers across persons now", workspace)
                self._lost.add(workspace)
                self._give_up(workspace)
            except TransientError:
                self._give_up(workspace)  # what became of the transaction is read when it is taken once more
                raise

    def close(self) -> None:
        """Give up all workspaces."""
        for workspace in list(self._own):
            self._give_up(workspace)

    def _follow(self, assigned: frozenset[str], token: int) -> None:
        """Keep what is still assigned to this process. Who was fenced has it back with another assignment alone."""
        if token != self._token:
            self._token = token
            self._lost.clear()
        for workspace in self._own.keys() - assigned:
            self._give_up(workspace)

    def _give_up(self, workspace: str) -> None:
        if (own := self._own.pop(workspace, None)) is not None:
            own.fenced.close()

    def _evaluate_due(self, workspace: str, defined: Defined, level: int, now: int) -> None:
        if workspace not in self._own:
            self._own[workspace] = _Own(self._fence.take(workspace))
        own, name = self._own[workspace], defined.trigger.name
        if own.done_at.get(name) != level and now >= self._not_before.get((workspace, name), now):
            try:
                if self._evaluate(workspace, defined, level, now):
                    own.done_at[name] = level
            except (ProducerFenced, TransientError):
                raise
            except Exception as error:  # noqa: BLE001 - a trigger's boundary: its data end nothing else
                self._put_off(workspace, defined.trigger, now, error)
        if self._is_wall(workspace) and name in own.progress:
            evaluated_to = own.progress[name].memory.evaluated_to
            metrics.DELAY_S.labels(workspace, name).set((now - evaluated_to) / 1_000)

    def _put_off(self, workspace: str, trigger: AcrossTrigger, now: int, error: Exception) -> None:
        """Have a trigger that failed tried again at its next tick."""
        self._not_before[workspace, trigger.name] = now + tick_ms(trigger)
        metrics.FAILED.labels(workspace, trigger.name).inc()
        is_foreseen = isinstance(error, Unanswered | TerminalError)
        text = "workspace %r: the trigger %r was not evaluated or not published: %s"
        logger.warning(text, workspace, trigger.name, error, exc_info=None if is_foreseen else error)
        if not isinstance(error, Unanswered):
            self._give_up(workspace)  # its transaction may be open

    def _evaluate(self, workspace: str, defined: Defined, level: int, now: int) -> bool:
        """Evaluate ticks that have come, and publish what follows; return whether none are left."""
        own, trigger = self._own[workspace], defined.trigger
        known, meaning = own.progress.get(trigger.name), meaning_of(trigger)
        if known is None or known.memory.meaning != meaning:
            begun = self._begun(workspace, defined, level, None if known is None else known.memory)
            if begun is None:
                return True
            own.progress[trigger.name] = _Progress(begun, 0.0)
        ranges = self._ranges(workspace, trigger, own.progress[trigger.name].memory.evaluated_to, level)
        for first, last in ranges[:RANGES_AT_ONCE]:
            fires_from = last if self._is_wall(workspace) else 0
            with metrics.QUERY_S.time():
                ticks = TriggerTicks(trigger, workspace, first, last)
                course = self._past.firings(ticks, own.progress[trigger.name].memory, fires_from=fires_from)
            self._publish(workspace, defined, course, now)
        return len(ranges) <= RANGES_AT_ONCE

    def _begun(self, workspace: str, defined: Defined, level: int, former: Memory | None) -> Memory | None:
        """Return what is remembered when a definition takes effect: what holds by then has fired. None: not yet."""
        trigger, step = defined.trigger, tick_ms(defined.trigger)
        since: int | None = defined.since
        if level < defined.since:
            return None
        if not self._is_wall(workspace):
            since = self._past.latest_event_at(workspace, defined.since)
        if since is None:  # an event clock that no event has moved by then: everything is to come
            first = self._past.first_event_at(workspace)
            fired = {} if former is None else former.fired
            return None if first is None else Memory(meaning_of(trigger), at_or_before(first, step) - step, {}, fired)
        tick = at_or_before(since, step)
        return self._past.firings(TriggerTicks(trigger, workspace, tick, tick), former, fires_from=None).memory

    def _ranges(self, workspace: str, trigger: AcrossTrigger, done_to: int, level: int) -> list[tuple[int, int]]:
        """Return first and last ticks to evaluate at once, of all that have come; on the wall clock of the last day."""
        step = tick_ms(trigger)
        length = max(step, at_or_before(RANGE_MS, step))
        if self._is_wall(workspace):
            newest = at_or_before(level, step)
            return [(max(done_to, newest - length) + step, newest)] if newest > done_to else []
        newest = at_or_before(self._event_clock(workspace, level), step)
        starts = range(done_to, newest, length)
        return [(start + step, min(start + length, newest)) for start in starts]

    def _event_clock(self, workspace: str, level: int) -> int:
        """Return the time of the newest event of those that have all come, or to which the clock was moved by then."""
        moved = self._fence.clock(workspace)
        latest = self._past.latest_event_at(workspace, level) or 0
        return max(latest, moved.to) if moved is not None and moved.moved_at <= level else latest

    def _is_wall(self, workspace: str) -> bool:
        return self._workspaces[workspace].clock == "wall"

    def _publish(self, workspace: str, defined: Defined, course: Course, now: int) -> None:
        """Publish firings and memory together; a memory in which only the last tick is new, now and then."""
        own, trigger, memory = self._own[workspace], defined.trigger, course.memory
        known = own.progress[trigger.name]
        said_at = known.said_at
        is_news = bool(course.firings) or replace(memory, evaluated_to=0) != replace(known.memory, evaluated_to=0)
        if is_news or time.monotonic() - said_at >= SAY_EVERY_S:
            firings = self._outputs.firings(workspace, trigger, course.firings, defined.destinations, now)
            records = [*firings, self._outputs.memory(workspace, trigger, memory)]
            if course.firings:
                reached("before_firing")
            own.fenced.publish(records)
            if course.firings:
                reached("after_firing")
            metrics.FIRED.labels(workspace, trigger.name).inc(len(course.firings))
            said_at = time.monotonic()
        own.progress[trigger.name] = _Progress(memory, said_at)
