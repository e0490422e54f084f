"""Random definitions and histories are worth comparing: whatever is said goes either way."""

from collections import Counter
from random import Random
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from definitions.model import Condition, Measure, Rule, Statistical
from definitions.plan import conditions_of, leaves
from tests.definitions.generated import PRIORITIES, Generator
from tests.definitions.naive.answers import members, shown_traits
from tests.definitions.naive.conditions import holds
from tests.definitions.naive.lives import Life


def test_every_condition_holds_and_fails_and_every_measure_is_shown() -> None:
    generator = Generator(Random(7))
    seen: Counter[tuple[object, bool]] = Counter()
    for _ in range(400):
        definitions, events = generator.definitions(6), generator.history()
        for now in generator.moments(events, 3):
            life = Life(events, definitions, "p", PRIORITIES)
            shown = shown_traits(life, now)
            for trait in definitions.traits:
                kind = trait.value.aggregate.measure if isinstance(trait.value, Statistical) else type(trait.value)
                seen[kind, trait.name in shown] += 1
            for segment in definitions.segments:
                for condition in (segment.when, *(leaf for each in conditions_of(segment) for leaf in leaves(each))):
                    seen[type(condition), holds(condition, life, now)] += 1
    forms = (*get_args(Condition), *Measure, Rule)
    assert {(form, outcome) for form in forms for outcome in (True, False)} <= seen.keys()


@given(st.randoms(use_true_random=False))
def test_no_event_has_the_place_of_another_and_nobody_is_in_a_segment_before_the_first(random: Random) -> None:
    events = Generator(random).history()
    assert len({(event.at, event.ordinal, event.message_id) for event in events}) == len(events)
    assert members(Life(events), min(event.at for event in events) - 1) == set()
