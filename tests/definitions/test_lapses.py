"""The shortest period that definitions name: of windows, sequences, sessions, relative times, cool-downs."""

import pytest

from definitions import NEVER, Definitions, Segment, compile_program
from definitions.model import (
    Aggregate,
    AggregateComparison,
    AllOf,
    Call,
    Case,
    Comparison,
    Condition,
    EventCount,
    EventMatcher,
    Function,
    InSegment,
    Literally,
    Measure,
    Not,
    Operator,
    Rule,
    Sequence,
    SessionComparison,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    TraitValue,
    Trigger,
    Window,
)
from definitions.plan import shortest_lapse_ms

HOUR, DAY = 3_600_000, 86_400_000
VIEW = EventMatcher((Call("track", "View"),))
PRO = (Comparison(Operator.EQUALS, "pro"),)
PLAN = TraitComparison(("plan",), PRO)
AGO = (Comparison(Operator.LONGER_AGO_THAN, 30 * DAY),)


@pytest.mark.parametrize(
    ("when", "shortest"),
    [
        (PLAN, None),
        (InSegment("other"), None),
        (EventCount(VIEW, Window()), None),
        (EventCount(VIEW, Window(HOUR)), HOUR),
        (EventCount(VIEW, Window(DAY, session=True)), HOUR // 2),
        (AllOf((EventCount(VIEW, Window(DAY)), Not(EventCount(VIEW, Window(HOUR))))), HOUR),
        (AggregateComparison(Aggregate(VIEW, Measure.COUNT, window=Window(DAY)), PRO), DAY),
        (AggregateComparison(Aggregate(VIEW, Measure.LAST_AT), AGO), 30 * DAY),
        (Sequence((Step(VIEW), Step(VIEW, HOUR)), DAY), DAY),
        (Sequence((Step(VIEW), Step(VIEW, HOUR, absent=True)), DAY), HOUR),
        (TraitComparison(("since",), AGO), 30 * DAY),
        (SessionComparison("current", "source", PRO), HOUR // 2),
        (SessionComparison("last", "source", PRO), None),
    ],
)
def test_the_shortest_period_of_a_condition(when: Condition, shortest: int | None) -> None:
    assert shortest_lapse_ms(Definitions((Segment("s", when),))) == shortest


def test_a_program_says_it() -> None:
    seen = Segment("seen", EventCount(VIEW, Window(HOUR)))
    assert compile_program(Definitions((seen,))).shortest_lapse_ms == HOUR
    assert compile_program(Definitions()).shortest_lapse_ms == NEVER


def test_traits_and_triggers_count_as_well() -> None:
    orders = Trait("orders", Statistical(Aggregate(VIEW, Measure.COUNT, window=Window(7 * DAY))))
    age = Rule(
        (
            Case(
                PLAN,
                Function("add", (Literally(1), Function("age", (TraitValue(("birthday",)),)))),
            ),
        )
    )
    assert shortest_lapse_ms(Definitions(traits=(orders,))) == 7 * DAY
    assert shortest_lapse_ms(Definitions(traits=(orders, Trait("age", age)))) == DAY
    assert shortest_lapse_ms(Definitions(triggers=(Trigger("t", VIEW, cool_down_ms=HOUR),))) == HOUR
