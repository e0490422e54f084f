"""Compares what the streams hold of definitions with what SQL makes of the events, at a time that both have reached.

Live traffic moves: an event may be on its way, a deadline just be due. So whoever differs is looked at once more, some
seconds later and as of that time; what differs each time is a difference.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import msgspec

from definitions.explaining.wording import in_words
from definitions.model import AllOf, AnyOf, Condition, Definitions, Not
from definitions.plan import narrowed
from definitions.streaming.times import text_of
from runtime.clock import now_ms
from runtime.literal import literal
from schemas.records import ProfileKind
from settings import Workspace
from warehouse.client import Warehouse
from warehouse.queries.definition_differences import Drift, Point, differences, latest_times, moving
from warehouse.queries.definitions import EvaluationQuery, leaf_values
from warehouse.queries.retention import retained_since

KINDS: tuple[ProfileKind, ...] = ("person", "device")
PAUSES_S = (2.0, 5.0, 10.0)
MOST_NAMED = 20_000
"""Of more profiles the second look is at all of them."""


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a segment's condition, in words, whether it holds by SQL, and what it is made of."""

    condition: str
    holds: bool
    parts: tuple["Reason", ...] = ()


class Found(msgspec.Struct, frozen=True):
    """A profile that differs. `reasons`: by segment, the whole condition, for the first profiles of each."""

    profile_id: str
    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    traits: dict[str, tuple[object, object]]
    reasons: dict[str, Reason] = {}


class Verified(msgspec.Struct, frozen=True):
    """What came of comparing the profiles of one kind.

    `as_of`: ms. `moving`: profiles that were left out.

    `events_since`: since when (ms) events are there; None if none were dropped.
    """

    workspace: str
    kind: ProfileKind
    as_of: int
    segments: int
    traits: int
    moving: int
    differences: tuple[Found, ...]
    events_since: int | None = None

    def count(self, name: str) -> int:
        """Count the profiles that differ in a segment or trait."""
        return sum(name in {*each.missing, *each.surplus, *each.traits} for each in self.differences)


def shown(verified: Verified) -> dict[str, object]:
    """Return what came of comparing for JSON: times in ISO 8601."""
    since = verified.events_since
    times = {"as_of": text_of(verified.as_of), "events_since": None if since is None else text_of(since)}
    found: dict[str, object] = msgspec.to_builtins(verified)
    return found | times


class Snapshot(NamedTuple):
    """The queries to run at one time, each with the point at which both sides are compared."""

    as_of: int
    parts: Sequence[tuple[EvaluationQuery, Point]]


class Verification:
    """The verification of the definitions of one workspace and kind.

    `partitions`: of the topic of profiles, each of which has an event clock of its own. `clock`: on the event clock, a
    time (ms) that it was moved on to.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a scope, field by field
        self,
        warehouse: Warehouse,
        definitions: Definitions,
        workspace: Workspace,
        kind: ProfileKind,
        partitions: int,
        clock: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._warehouse = warehouse
        self._definitions = narrowed(definitions, workspace.name, kind)
        self._workspace = workspace
        self._kind = kind
        self._partitions = partitions
        self._clock = clock
        self._sleep = sleep

    @property
    def is_empty(self) -> bool:
        """Whether nothing is defined."""
        return not self._definitions.segments and not self._definitions.traits

    def verify(self, samples: int) -> Verified:
        """Compare, and name of each segment's differences the reasons of the first `samples`."""
        snapshot = self._snapshot()
        found = self._differing(snapshot)
        for pause_s in PAUSES_S:
            if not found:
                break
            self._sleep(pause_s)
            snapshot = self._snapshot()
            again = self._differing(snapshot, found)
            found = {profile_id: again[profile_id] for profile_id in found if profile_id in again}
        return Verified(
            self._workspace.name,
            self._kind,
            snapshot.as_of,
            len(self._definitions.segments),
            len(self._definitions.traits),
            sum(moving(self._warehouse, *part) for part in snapshot.parts),
            tuple(self._with_reasons(list(found.values()), samples)),
            retained_since(self._warehouse, self._workspace.name).get("events"),
        )

    def _snapshot(self) -> Snapshot:
        now = now_ms()
        if self._workspace.clock == "wall":
            return Snapshot(now, [(self._query(now), Point(received=now, updated=now))])
        latest = latest_times(self._warehouse, self._workspace.name, self._partitions)
        clocks = {number: max(at, self._clock or at) for number, at in latest.items()}
        parts = [
            (self._query(at), Point(received=now, partition=(number, self._partitions)))
            for number, at in sorted(clocks.items())
        ]
        return Snapshot(max(clocks.values(), default=0), parts)

    def _query(self, now: int) -> EvaluationQuery:
        priorities = {source.name: source.priority for source in self._workspace.sources}
        return EvaluationQuery(self._definitions, self._workspace.name, self._kind, now, priorities)

    def _differing(
        self, snapshot: Snapshot, before: Collection[str] | None = None
    ) -> dict[str, tuple[Drift, EvaluationQuery]]:
        named = sorted(before) if before is not None and len(before) <= MOST_NAMED else None
        return {
            each.profile_id: (each, wanted)
            for wanted, point in snapshot.parts
            for each in differences(self._warehouse, wanted, point, named)
        }

    def _with_reasons(self, found: Sequence[tuple[Drift, EvaluationQuery]], samples: int) -> Iterator[Found]:
        reasons: dict[str, dict[str, Reason]] = {drift.profile_id: {} for drift, _ in found}
        for segment in self._definitions.segments:
            differing = [pair for pair in found if segment.name in {*pair[0].missing, *pair[0].surplus}]
            for drift, wanted in differing[:samples]:
                named = [drift.profile_id]
                held = leaf_values(self._warehouse, wanted, segment.name, named).get(drift.profile_id)
                if held is not None:
                    reasons[drift.profile_id][segment.name] = _reason(segment.when, iter(held))
        for drift, _ in found:
            yield Found(drift.profile_id, drift.missing, drift.surplus, dict(drift.traits), reasons[drift.profile_id])


def _reason(condition: Condition, held: Iterator[bool]) -> Reason:
    """Return a condition with its parts; `held`: whether each of its leaves holds, in the order in which they stand."""
    match condition:
        case AllOf():
            parts = tuple(_reason(each, held) for each in condition.conditions)
            return Reason("all of", all(part.holds for part in parts), parts)
        case AnyOf():
            parts = tuple(_reason(each, held) for each in condition.conditions)
            return Reason("any of", any(part.holds for part in parts), parts)
        case Not():
            inner = _reason(condition.condition, held)
            return Reason("not", not inner.holds, (inner,))
        case _:
            return Reason(literal(in_words(condition)), next(held))
