"""Compiled conditions agree with plain recomputation, and their evaluations last exactly as long as they say."""

from collections.abc import Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from definitions import NEVER, Program, compile_program
from definitions.model import (
    AllOf,
    Call,
    Comparison,
    Condition,
    Definitions,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    PropertyFilter,
    Segment,
    Window,
)
from tests.definitions.naive.conditions import holds
from tests.definitions.naive.lives import Happened, Life
from tests.definitions.naive.values import compare
from tests.definitions.strategies import HORIZON, comparisons, conditions, events, objects, values
from tests.definitions.streaming.subjects import Known, counting

ORDERED = EventMatcher((Call("track", "Order Completed"),))
ADDED = EventMatcher((Call("track", "Product Added"),))


def program_of(*conditions: Condition) -> Program:
    segments = tuple(Segment(f"s{number}", condition) for number, condition in enumerate(conditions))
    return compile_program(Definitions(segments))


@given(st.lists(conditions, min_size=1, max_size=3), events, objects, st.integers(0, 2 * HORIZON))
def test_segments_hold_when_a_recomputation_over_all_events_says_so(
    wanted: list[Condition], happened: list[Happened], traits: Mapping[str, object], now: int
) -> None:
    program = program_of(*wanted)
    for segment, condition in zip(program.segments, wanted, strict=True):
        read = {name: traits[name] for name in segment.reads & traits.keys()}
        known = Known(program, happened, now, read)
        assert segment.evaluate(known, now)[0] is holds(condition, Life(happened, sent=traits), now)


@given(conditions, events, objects, st.integers(0, HORIZON))
def test_a_verdict_lasts_until_the_time_it_names(
    condition: Condition, happened: list[Happened], traits: Mapping[str, object], now: int
) -> None:
    past = [event for event in happened if event.at <= now]
    program = program_of(condition)
    is_held, until = program.segments[0].evaluate(Known(program, past, now, traits), now)
    assert until > now
    for later in range(now, min(until, 3 * HORIZON)):
        assert holds(condition, Life(past, sent=traits), later) is is_held
    if until < NEVER:
        assert until <= 2 * HORIZON


@given(events, st.integers(1, 4), st.integers(1, HORIZON), st.integers(0, HORIZON))
def test_a_count_that_holds_ends_exactly_at_its_deadline(
    happened: list[Happened], at_least: int, within_ms: int, now: int
) -> None:
    count = EventCount(EventMatcher(), Window(within_ms), at_least)
    past = [event for event in happened if event.at <= now]
    program = program_of(count)
    is_held, until = program.segments[0].evaluate(Known(program, past, now), now)
    if is_held:
        assert not holds(count, Life(past), until)
    else:
        assert until == NEVER


@given(comparisons, values)
@example(Comparison(Operator.EQUALS, 1), True)
@example(Comparison(Operator.EQUALS, True), 1)
@example(Comparison(Operator.IN, (0, "1")), False)
@example(Comparison(Operator.NOT_EQUALS, 1), None)
@example(Comparison(Operator.CONTAINS, 1), [True])
def test_one_comparison_of_an_event_property(comparison: Comparison, value: object) -> None:
    program = program_of(
        EventCount(EventMatcher((Call("track"),), (PropertyFilter(("a",), (comparison,)),)), Window(1))
    )
    assert bool(counting(program, "track", "Buy", {"a": value})) is compare(comparison, value)
    if value is None:
        assert bool(counting(program, "track", "Buy")) is compare(comparison, None)


def test_a_cart_is_abandoned_from_the_end_of_the_silence_to_the_end_of_the_window() -> None:
    abandoned = AllOf(
        (EventCount(ADDED, Window(60)), Not(EventCount(ADDED, Window(6))), Not(EventCount(ORDERED, Window(60))))
    )
    program = program_of(abandoned)
    happened = [Happened(100, "track", "Product Added", {})]

    def at(now: int) -> tuple[bool, int]:
        return program.segments[0].evaluate(Known(program, happened, now), now)

    assert at(100) == (False, 106)
    assert at(106) == (True, 160)
    assert at(160) == (False, NEVER)


def test_no_deadline_is_set_that_cannot_change_anything() -> None:
    condition = AllOf((EventCount(ADDED, Window(60)), EventCount(ORDERED, Window(60))))
    program = program_of(condition)
    happened = [Happened(100, "track", "Product Added", {})]
    assert program.segments[0].evaluate(Known(program, happened, 100), 100) == (False, NEVER)
