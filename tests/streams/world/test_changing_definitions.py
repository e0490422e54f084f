"""Definitions that change amid merges, shared devices, unmerges and kills: at rest, they might always have been so.

Whatever was applied before, and whoever died on the way, each profile is in the segments of the last set that all of
its events put it in.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given

from definitions import Definitions, Segment
from definitions.model import (
    SESSION_GAP_MS,
    Aggregate,
    AggregateComparison,
    Comparison,
    Condition,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Not,
    Operator,
    Sequence,
    Step,
    TraitComparison,
    Window,
)
from schemas.records import Event
from tests.oracle.reference import Facts
from tests.oracle.reference import World as Reference
from tests.streams.world.defining import DefinedWorld
from tests.streams.world.playing import HISTORIES, HOUR, SOURCES, VIEW
from tests.streams.world.test_unmerging import UnmergePlayer
from tests.streams.world.world import NAMESPACE

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

Chosen = dict[str, tuple[int, int]]
"""By segment, two numbers that say what it is this time."""

_decode = msgspec.json.Decoder(dict[str, dict[str, str]]).decode
_SOURCE = Field(("facts", "source"), "context")


def _distinct(hours: int) -> Aggregate:
    return Aggregate(VIEW, Measure.DISTINCT, _SOURCE, Window(hours * HOUR))


def _last(hours: int) -> Aggregate:
    return Aggregate(VIEW, Measure.LAST, _SOURCE, Window(hours * HOUR))


# They share what is kept of one matcher's events: in an order or not, with values or not, of a longer time, or more.
_CONDITIONS: Mapping[str, Callable[[int, int], Condition]] = {
    "frequent": lambda first, second: EventCount(VIEW, Window(first * HOUR), second),
    "quiet": lambda first, _: Not(EventCount(VIEW, Window(first * HOUR))),
    "ever": lambda _, second: EventCount(VIEW, Window(), second),
    "visits": lambda first, second: EventCount(EventMatcher(sessions=True), Window(first * HOUR), second),
    "plan": lambda first, _: TraitComparison(("plan",), (Comparison(Operator.EQUALS, first - 1),)),
    "again": lambda first, second: Sequence((Step(VIEW), Step(VIEW, first * HOUR)), 4 * HOUR, second),
    "lull": lambda first, second: Sequence((Step(VIEW), Step(VIEW, first * HOUR, absent=True)), second * HOUR),
    "sources": lambda first, second: AggregateComparison(
        _distinct(first), (Comparison(Operator.GREATER_OR_EQUAL, second),)
    ),
    "latest source": lambda first, second: AggregateComparison(
        _last(first), (Comparison(Operator.EQUALS, SOURCES[second - 1]),)
    ),
}


class _Views:
    """A person's views, in their order, and when visits began."""

    def __init__(self, facts: Facts) -> None:
        views = sorted((event for event in facts.events if event.event == "View"), key=_order)
        self._now = facts.at
        self._all_times = sorted(event.occurred_at for event in facts.events)
        self._sources = [_source(event) for event in views]
        self.times = [event.occurred_at for event in views]

    def recent(self, hours: int) -> int:
        return self.among(self.times, hours)

    def among(self, times: Iterable[float], hours: int) -> int:
        return sum(self._now - hours * HOUR < at <= self._now for at in times)

    def sources(self, hours: int) -> list[str]:
        newest = self._sources[len(self.times) - self.recent(hours) :]
        return [source for source in newest if source is not None]

    def again(self, hours: int) -> list[int]:
        return [at for before, at in pairwise(self.times) if at - before < hours * HOUR]

    def visits(self) -> list[int]:
        """When visits began, of events of any kind."""
        times = self._all_times
        return times[:1] + [at for before, at in pairwise(times) if at - before >= SESSION_GAP_MS]

    def lulls(self, hours: int) -> list[int]:
        times = pairwise([*self.times, math.inf])
        return [int(at) + hours * HOUR for at, then in times if then - at >= hours * HOUR]


_HOLDS: Mapping[str, Callable[[int, int, _Views], bool]] = {
    "frequent": lambda first, second, views: views.recent(first) >= second,
    "quiet": lambda first, _, views: views.recent(first) < 1,
    "ever": lambda _, second, views: len(views.times) >= second,
    "visits": lambda first, second, views: views.among(views.visits(), first) >= second,
    "again": lambda first, second, views: views.among(views.again(first), 4) >= second,
    "lull": lambda first, second, views: views.among(views.lulls(first), second) >= 1,
    "sources": lambda first, second, views: len({*views.sources(first)}) >= second,
    "latest source": lambda first, second, views: views.sources(first)[-1:] == [SOURCES[second - 1]],
}


def holds(name: str, first: int, second: int, facts: Facts) -> bool:
    """Whether a segment holds of a person, by its numbers."""
    if name == "plan":
        return facts.traits.get("plan") == first - 1
    return _HOLDS[name](first, second, _Views(facts))


def _order(event: Event) -> tuple[int, int, str]:
    return event.occurred_at, event.ordinal, event.message_id


def _source(event: Event) -> str | None:
    return _decode(event.context).get("facts", {}).get("source")


class ChangingPlayer(UnmergePlayer):
    """Applies a set now and then."""

    def __init__(self, history: tuple[int, bytes]) -> None:
        super().__init__(history)
        random = self._random("definitions")
        self.world: DefinedWorld = DefinedWorld(random.choice((1, 2, 3)), random, self.identity_rules)
        self.world.is_sink_late = True
        self._chosen: Chosen = {}
        if random.random() < 0.5:
            self.apply(random)

    def apply(self, random: Random) -> None:
        """Change some segments of the last set, or leave them out."""
        for name in random.sample([*_CONDITIONS], random.choice((1, 1, 2, 4))):
            self._chosen.pop(name, None)
            if random.random() < 0.8:
                self._chosen[name] = (random.choice((1, 2, 4)), random.choice((1, 2, 3)))
        segments = tuple(Segment(name, _CONDITIONS[name](*numbers)) for name, numbers in sorted(self._chosen.items()))
        self.world.apply(Definitions(segments))

    def _play(self, step: str, random: Random) -> None:
        if random.random() < 0.15:
            self.apply(random)
        super()._play(step, random)

    @property
    def reference(self) -> Reference:  # type: ignore[override]
        tests = {name: partial(holds, name, *numbers) for name, numbers in self._chosen.items()}
        return Reference(NAMESPACE, {"web": 0, "crm": 5}, tests)

    def check(self) -> None:
        publication, partitions = self.world.publication, self.world.partitions
        evaluated = publication.evaluated("main", partitions)
        assert evaluated == publication.newest
        super().check()


@given(HISTORIES)
def test_at_rest_everybody_is_in_the_segments_of_the_last_set(history: tuple[int, bytes]) -> None:
    ChangingPlayer(history).play()
