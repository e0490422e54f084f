"""What fires at which ticks: of numbers that are given, against the plain reading of the decision."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from definitions.across import AcrossFiring, Course, Memory, Span, Usuals, evaluate, key_of, tick_ms, usual_until
from definitions.across.numbers import Spans
from definitions.across.remembered import MemoryRecord, record_of
from definitions.model import AcrossTrigger, Call, EventMatcher, Field, Usual
from tests.definitions.across.plain import Fired, Occurred, course, spans, usual

VIEWS = EventMatcher((Call("track", "Product Viewed"),))
MINUTE, HOUR = 60_000, 3_600_000
START = 1_700_000_100_000 // MINUTE * MINUTE
MANY = AcrossTrigger("many", VIEWS, MINUTE, 3, Field(("product_id",)))
SPIKE = replace(MANY, exceeds=Usual(2.0, 5 * MINUTE))
STEP = 5_000


@dataclass(frozen=True)
class PlainUsuals(Usuals):
    """The usual by the plain reading, where only the ends of its period matter."""

    trigger: AcrossTrigger
    events: Sequence[Occurred]
    first: int

    def parts(self, value: str, tick: int) -> tuple[int, int]:
        mean = usual(self.trigger, self.events, value, tick, self.first)
        windows = next((n for n in range(1, 1_000) if mean is not None and (mean * n).is_integer()), 0)
        return (0, 0) if mean is None else (int(mean * windows), windows)

    def next_change(self, tick: int) -> int:
        return tick + STEP


def ticks_between(first: int, last: int) -> list[int]:
    return list(range(first, last + 1, STEP))


def counted(trigger: AcrossTrigger, events: Sequence[Occurred], ticks: Sequence[int]) -> Spans:
    listed = spans(trigger, events, ticks)
    return {value: tuple(Span(*each) for each in several) for value, several in listed.items()}


def evaluated(
    trigger: AcrossTrigger,
    events: Sequence[Occurred],
    ticks: Sequence[int],
    memory: Memory | None = None,
    fires_from: int | None = 0,
) -> Course:
    first = min((event.at for event in events), default=0)
    usuals = PlainUsuals(trigger, events, first) if trigger.exceeds else None
    return evaluate(
        trigger, memory, ticks[0], ticks[-1], counted(trigger, events, ticks), usuals, fires_from=fires_from
    )


def fired(result: Course) -> list[Fired]:
    return [Fired(each.tick, each.value, each.number, each.usual) for each in result.firings]


def burst(at: int, value: str = '"a"', number: int = 3) -> list[Occurred]:
    return [Occurred(at + each, value) for each in range(number)]


def test_it_fires_at_the_first_tick_at_which_it_holds_and_not_again_while_it_does() -> None:
    ticks = ticks_between(START, START + 3 * MINUTE)
    assert fired(evaluated(MANY, burst(START + 1), ticks)) == [Fired(START + STEP, '"a"', 3, None)]
    assert fired(evaluated(MANY, burst(START - 2), ticks)) == [Fired(START, '"a"', 3, None)]
    assert fired(evaluated(MANY, burst(START + 1, number=2), ticks)) == []


def test_an_event_counts_up_to_but_not_at_the_end_of_its_window() -> None:
    alone = replace(MANY, at_least=1)
    at = START + STEP
    result = evaluated(alone, [Occurred(at, '"a"')], ticks_between(START, at + MINUTE - STEP))
    assert result.memory.holding[key_of('"a"')].since == at, "at its own tick it counts"
    after = evaluated(alone, [Occurred(at, '"a"')], ticks_between(START, at + MINUTE))
    assert after.memory.holding == {}, "one window later it does not"


def test_what_begins_within_the_cool_down_and_lasts_fires_when_that_ends() -> None:
    trigger = replace(MANY, cool_down_ms=2 * MINUTE)
    events = [*burst(START), *burst(START + 90_000), *burst(START + 120_000)]
    ticks = ticks_between(START, START + 5 * MINUTE)
    assert [each.tick - START for each in fired(evaluated(trigger, events, ticks))] == [STEP, 2 * MINUTE + STEP]
    passing = [*burst(START), *burst(START + 62_000)]
    over = replace(MANY, cool_down_ms=5 * MINUTE)
    assert [each.tick - START for each in fired(evaluated(over, passing, ticks))] == [STEP], "it did not last"


def test_without_a_cool_down_the_same_events_do_not_fire_twice() -> None:
    """Three events, of which one leaves before another comes: it ceases to hold and begins within one window."""
    events = [Occurred(START, '"a"'), *burst(START + 30_000, number=2), Occurred(START + 61_000, '"a"')]
    ticks = ticks_between(START, START + 80_000)
    assert [each.tick - START for each in fired(evaluated(MANY, events, ticks))] == [35_000]


def test_what_held_before_the_definition_does_not_fire_and_what_begins_later_does() -> None:
    events = [*burst(START - 5), *burst(START + 20_000, '"b"')]
    before = evaluated(MANY, events, [START], fires_from=None)
    assert before.firings == ()
    result = evaluated(MANY, events, ticks_between(START + STEP, START + 30_000), before.memory)
    assert [each.value for each in result.firings] == ['"b"']


def test_what_began_before_it_may_fire_and_still_holds_fires_then() -> None:
    events = [*burst(START + 1, '"passes"'), *burst(START + 50_000, '"lasts"')]
    ticks, last = ticks_between(START, START + 90_000), START + 90_000
    result = evaluated(MANY, events, ticks, fires_from=last)
    assert fired(result) == [Fired(last, '"lasts"', 3, None)]
    assert result.memory.holding[key_of('"lasts"')].since == START + 55_000


def test_a_memory_of_another_meaning_counts_for_the_cool_down_alone() -> None:
    events = burst(START - 5)
    memory = evaluated(MANY, events, [START]).memory
    stricter = replace(MANY, at_least=2, cool_down_ms=10_000)
    later = evaluated(stricter, events, ticks_between(START + STEP, START + 30_000), memory)
    assert [each.tick - START for each in fired(later)] == [10_000]


def test_there_is_no_usual_before_the_workspace_has_seen_three_windows() -> None:
    tick, usual_of = START + 4 * MINUTE, Usual(2.0, 5 * MINUTE)
    assert usual_until(SPIKE, usual_of, tick) == tick - MINUTE, "the window itself is no part of its usual"
    numbers = {'"a"': (Span(tick, tick + STEP, 9),)}
    for first_event_at, windows in (
        (START - HOUR, 5),
        (START, 4),
        (START + 1, 3),
        (START + MINUTE, 3),
        (START + MINUTE + 1, 0),
        (None, 0),
    ):
        usuals = Usuals(SPIKE, usual_of, {}, first_event_at)
        assert usuals.parts('"a"', tick) == (0, windows)
        assert bool(evaluate(SPIKE, None, tick, tick, numbers, usuals).firings) == (windows > 0)


def test_more_than_so_many_times_the_usual_is_strict() -> None:
    until = START + 5 * MINUTE
    tick = until + MINUTE
    usuals = Usuals(SPIKE, SPIKE.exceeds or Usual(1, 1), {'"a"': (Span(START, tick, 10),)}, 0)
    assert usuals.of('"a"', tick) == 2.0
    for number, fires in ((4, False), (5, True)):
        result = evaluate(SPIKE, None, tick, tick, {'"a"': (Span(tick, tick + STEP, number),)}, usuals)
        assert bool(result.firings) == fires


def test_of_too_many_values_the_largest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("definitions.across.firing.MOST_VALUES", 2)
    numbers = {f'"{value}"': (Span(START, START + STEP, 3 + number),) for number, value in enumerate("abcd")}
    assert [each.value for each in evaluate(MANY, None, START, START, numbers, None).firings] == ['"c"', '"d"']


def test_what_is_remembered_has_a_size_however_many_and_long_the_values_are() -> None:
    trigger = replace(MANY, at_least=1, cool_down_ms=1_000 * HOUR)
    memory = None
    for minute in range(12):
        tick = START + minute * MINUTE
        values = (json.dumps("\0" * 250 + f"{minute * 1_000 + number:06}") for number in range(1_000))
        spans_there = {value: (Span(tick, tick + MINUTE, 1),) for value in values}
        result = evaluate(trigger, memory, tick, tick, spans_there, None)
        memory = result.memory
        assert len(result.firings) == 1_000
    assert memory is not None
    assert (len(memory.fired), min(memory.fired.values())) == (10_000, START + 2 * MINUTE), "the newest"
    assert len(record_of(MemoryRecord("main", "many", memory))[1]) < 500_000


def test_which_cool_downs_are_remembered_does_not_depend_on_how_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("definitions.across.firing.MOST_FIRED", 2)
    trigger = replace(MANY, at_least=1, within_ms=10_000, cool_down_ms=HOUR)
    numbers = {
        f'"{value}"': tuple(Span(START + at * STEP, START + (at + 1) * STEP, 1) for at in ats)
        for value, ats in {"a": (0, 2, 8), "b": (2, 6), "c": (4,)}.items()
    }
    ticks = ticks_between(START, START + 10 * STEP)
    whole = evaluate(trigger, None, ticks[0], ticks[-1], numbers, None)
    memory: Memory | None = None
    one_by_one: list[AcrossFiring] = []
    for tick in ticks:
        result = evaluate(trigger, memory, tick, tick, numbers, None)
        memory = result.memory
        one_by_one += result.firings
    assert [(each.value, (each.tick - START) // STEP) for each in whole.firings] == [
        ('"a"', 0), ('"b"', 2), ('"c"', 4), ('"a"', 8)
    ], "that a fired has been forgotten over b and c"  # fmt: skip
    assert (one_by_one, memory) == (list(whole.firings), whole.memory)


@pytest.mark.parametrize(
    ("within_ms", "step"), [(10_000, 5_000), (10 * MINUTE, 5_000), (HOUR, 30_000), (24 * HOUR, 720_000)]
)
def test_ticks_lie_further_apart_in_long_windows(within_ms: int, step: int) -> None:
    assert tick_ms(replace(MANY, within_ms=within_ms)) == step


EVENTS = st.lists(
    st.builds(
        Occurred,
        st.integers(-4 * MINUTE, 6 * MINUTE).map(lambda at: START + at // 2_500 * 2_500),
        st.sampled_from(['"a"', "1"]),
        st.sampled_from(["ann", "bo", "cy"]),
    ),
    max_size=40,
)
TRIGGERS = st.builds(
    lambda at_least, exceeds, counts, cool_down: replace(
        MANY, at_least=at_least, exceeds=exceeds, counts=counts, cool_down_ms=cool_down
    ),
    st.integers(1, 4),
    st.sampled_from([None, Usual(1.0, 3 * MINUTE), Usual(1.5, 4 * MINUTE)]),
    st.sampled_from(["events", "people"]),
    st.sampled_from([None, 5_000, 47_000, 3 * MINUTE]),
)


@given(TRIGGERS, EVENTS, st.integers(1, 60))
def test_a_range_of_ticks_says_what_they_say_one_by_one(
    trigger: AcrossTrigger, events: list[Occurred], cut: int
) -> None:
    ticks = ticks_between(START, START + 5 * MINUTE)
    expected = list(course(trigger, events, ticks))
    whole = evaluated(trigger, events, ticks)
    assert fired(whole) == expected
    first = evaluated(trigger, events, ticks[:cut])
    rest = evaluated(trigger, events, ticks[cut:], first.memory)
    assert fired(first) + fired(rest) == expected
    assert rest.memory == whole.memory, "what is remembered does not depend on how it was asked"
