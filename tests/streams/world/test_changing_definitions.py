"""Definitions that change amid merges, shared devices, unmerges and kills: at rest, they might always have been so.

Whatever was applied before, and whoever died on the way, each profile is in the segments of the last set that all of
its events put it in.
"""

from functools import partial
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given

from definitions import Definitions, Segment
from definitions.model import (
    SESSION_GAP_MS,
    Comparison,
    Condition,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    TraitComparison,
    Window,
)
from tests.oracle.reference import Facts
from tests.oracle.reference import World as Reference
from tests.streams.world.defining import DefinedWorld
from tests.streams.world.playing import HISTORIES, HOUR, VIEW
from tests.streams.world.test_unmerging import UnmergePlayer
from tests.streams.world.world import NAMESPACE

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

_NAMES = ("frequent", "quiet", "ever", "visits", "plan")
Chosen = dict[str, tuple[int, int]]
"""By segment, two numbers that say what it is this time."""


def condition(name: str, first: int, second: int) -> Condition:
    """What a segment says by its numbers."""
    match name:
        case "frequent":
            return EventCount(VIEW, Window(first * HOUR), second)
        case "quiet":
            return Not(EventCount(VIEW, Window(first * HOUR)))
        case "ever":
            return EventCount(VIEW, Window(), second)
        case "visits":
            return EventCount(EventMatcher(sessions=True), Window(first * HOUR), second)
        case _:
            return TraitComparison(("plan",), (Comparison(Operator.EQUALS, first - 1),))


def holds(name: str, first: int, second: int, facts: Facts) -> bool:
    """Whether it is so of a person."""
    views = [event.occurred_at for event in facts.events if event.event == "View"]
    recent = sum(facts.at - first * HOUR < at <= facts.at for at in views)
    match name:
        case "frequent":
            return recent >= second
        case "quiet":
            return recent < 1
        case "ever":
            return len(views) >= second
        case "visits":
            times = sorted(event.occurred_at for event in facts.events)
            begun = times[:1] + [at for before, at in pairwise(times) if at - before >= SESSION_GAP_MS]
            return sum(facts.at - first * HOUR < at <= facts.at for at in begun) >= second
        case _:
            return facts.traits.get("plan") == first - 1


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
        for name in random.sample(_NAMES, random.choice((1, 1, 2, 4))):
            self._chosen.pop(name, None)
            if random.random() < 0.8:
                self._chosen[name] = (random.choice((1, 2, 4)), random.choice((1, 2, 3)))
        segments = tuple(Segment(name, condition(name, *numbers)) for name, numbers in sorted(self._chosen.items()))
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
