"""A gate passes exactly the accumulators that count an event, whichever way it looks them up."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from definitions import Definitions, Segment, compile_program
from definitions.model import Call, Comparison, EventCount, EventMatcher, Operator, PropertyFilter, Window
from definitions.streaming.accumulators import OpenParts
from tests.definitions.naive.events import matches
from tests.definitions.naive.lives import Happened
from tests.definitions.strategies import FINE, matchers, numbers, objects, values
from tests.definitions.streaming.subjects import counting, event_of

_LIMITS = [-1, 0, 1, 1.5, 2, 2.5, 10**17, FINE + 1, FINE + 2]
_ORDERINGS = [Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL, Operator.LESS_THAN, Operator.LESS_OR_EQUAL]
_BUY = Call("track", "Buy")
_limits = st.builds(
    lambda operator, limit: EventMatcher((_BUY,), (PropertyFilter(("a",), (Comparison(operator, limit),)),)),
    st.sampled_from(_ORDERINGS),
    st.sampled_from(_LIMITS),
)


@given(st.lists(st.one_of(_limits, matchers), max_size=12), objects, st.one_of(numbers, values))
def test_those_pass_that_a_plain_comparison_of_each_filter_lets_pass(
    wanted: list[EventMatcher], others: Mapping[str, object], compared: object
) -> None:
    properties = {**others, "a": compared}
    segments = tuple(Segment(f"s{number}", EventCount(each, Window(1))) for number, each in enumerate(wanted))
    program = compile_program(Definitions(segments))
    happened = Happened(0, "track", "Buy", properties)
    passed = [accumulator.key for accumulator in counting(program, "track", "Buy", properties)]
    matching = {each.key for each in program.accumulators if matches(each.planned.events, happened)}
    assert sorted(passed) == sorted(matching)


def test_who_compares_a_text_with_a_number_hears_of_it_and_of_a_missing_value_nobody() -> None:
    matcher = EventMatcher((_BUY,), (PropertyFilter(("a",), (Comparison(Operator.GREATER_THAN, 5),)),))
    below = EventMatcher((_BUY,), (PropertyFilter(("a",), (Comparison(Operator.LESS_THAN, 5),)),))
    segments = (Segment("s", EventCount(matcher, Window(1))), Segment("t", EventCount(below, Window(1))))
    program = compile_program(Definitions(segments))
    dropped: list[list[str]] = []
    for value in ("9", None):
        parts = OpenParts(event_of(Happened(0, "track", "Buy", {"a": value})))
        assert program.gates.of("track", "Buy").passed(parts, lambda keys: dropped.append([*keys])) == []
    assert sorted(dropped) == sorted([each.key] for each in program.accumulators)
