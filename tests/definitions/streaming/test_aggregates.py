"""Aggregates of many events: what time takes away from them, and what looking ahead costs."""

import pytest

from definitions import Definitions, compile_program
from definitions.model import (
    Aggregate,
    AggregateComparison,
    Call,
    Comparison,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Operator,
    Scalar,
    Segment,
    Statistical,
    Trait,
    Window,
)
from definitions.plan.accumulators import MAX_VALUES
from tests.definitions.costs import calls_of
from tests.definitions.naive.lives import Happened
from tests.definitions.streaming.subjects import Known

VIEW = EventMatcher((Call("track", "View"),))
URL = Field(("url",))
HOUR = Window(3_600_000)
MIXED = [1, True, "a", 0, False, 2.5, 1, "1", True, "a", -3, 2.5, "true", 1]


def viewed(value: Scalar, at: int) -> Happened:
    return Happened(at, "track", "View", {"url": value})


@pytest.mark.parametrize(
    ("measure", "values", "shown"),
    [
        (Measure.DISTINCT, MIXED, [9, 9, 9, 9, 8, 7, 7, 7, 6, 5, 4, 3, 2, 1]),
        (Measure.MOST_FREQUENT, MIXED, [1, "a", "a", 1, 1, 1, 1, "1", "a", "a", "true", "true", "true", 1]),
        (Measure.VALUES, [1, "b", True, "b", 0], [["b", 0, 1, True], ["b", 0, True], ["b", 0, True], ["b", 0], [0]]),
        (Measure.SUM, [1, 10**15, 0.5, -3], [-1.5, -2.5, -2.5, -3]),
        (Measure.AVERAGE, [4, 10**15, 0.5, -3], [0.5, -1.25, -1.25, -3]),
        (Measure.MIN, [4, -3, 0.5], [-3, -3, 0.5]),
        (Measure.MAX, [4, -3, 0.5], [4, 0.5, 0.5]),
        (Measure.FIRST, ["a", 1, True], ["a", 1, True]),
        (Measure.LAST, ["a", 1, True], [True, True, True]),
    ],
)
def test_a_value_is_of_the_events_that_time_has_left(
    measure: Measure, values: list[Scalar], shown: list[object]
) -> None:
    aggregate = Aggregate(VIEW, measure, URL, HOUR)
    program = compile_program(Definitions(traits=(Trait("t", Statistical(aggregate)),)))
    known = Known(program, [viewed(value, at) for at, value in enumerate(values)], len(values))
    evaluated = [program.traits[0].evaluate(known, at + 3_599_999)[0] for at in range(len(values))]
    assert [(type(value), value) for value in evaluated] == [(type(value), value) for value in shown]


@pytest.mark.parametrize("measure", [Measure.SUM, Measure.AVERAGE, Measure.MOST_FREQUENT])
def test_looking_ahead_looks_at_each_event_once(measure: Measure) -> None:
    """The value of the newest thousand events is asked for some times, to find when a comparison will change."""
    condition = AggregateComparison(Aggregate(VIEW, measure, URL, HOUR), (Comparison(Operator.NOT_EQUALS, 0.5),))
    assert _cost_of(condition) < 4 * MAX_VALUES


def test_a_count_of_the_same_looks_no_further_at_values_that_are_too_few() -> None:
    assert _cost_of(EventCount(VIEW, HOUR, at_least=2, same=URL)) < 4 * MAX_VALUES


def _cost_of(condition: AggregateComparison | EventCount) -> int:
    program = compile_program(Definitions((Segment("s", condition),)))
    known = Known(program, [viewed(at, at) for at in range(MAX_VALUES)], MAX_VALUES)
    (segment,) = program.segments
    return calls_of(lambda: segment.evaluate(known, MAX_VALUES))
