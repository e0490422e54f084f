"""Each form of a condition holds from and until its exact millisecond."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from definitions import NEVER, Definitions, Segment, compile_program
from definitions.model import (
    Aggregate,
    AggregateComparison,
    Call,
    Comparison,
    Condition,
    EventCount,
    EventMatcher,
    Field,
    InSegment,
    Measure,
    Not,
    Operator,
    Sample,
    SessionComparison,
    TraitComparison,
    Window,
)
from definitions.streaming.items import membership_of
from definitions.streaming.subject import SESSION
from tests.definitions.naive.lives import Happened
from tests.definitions.naive.sessions import GAP_MS
from tests.definitions.streaming.subjects import Evaluated, Known

BUY = EventMatcher((Call("track", "Buy"),))
ITEM, PRICE = Field(("item",)), Field(("price",))
AT = 1_700_000_000_000

At = Callable[[int], Evaluated]


def buy(at: int, item: object = None, price: object = None) -> Happened:
    return Happened(at, "track", "Buy", {"item": item, "price": price}, message_id=str(at))


def over(condition: Condition, happened: Sequence[Happened], facts: Mapping[str, str] = {}, **traits: object) -> At:
    """How a condition is evaluated at a time, of all that has happened until then."""
    program = compile_program(Definitions((Segment("s", condition),)))
    (segment,) = program.segments
    return lambda now: Evaluated(*segment.evaluate(Known(program, happened, now, traits, facts=facts), now))


def test_at_most_begins_to_hold_when_one_too_many_leaves() -> None:
    at = over(EventCount(BUY, Window(10), at_least=1, at_most=2), [buy(0), buy(3), buy(5)])
    assert [at(now) for now in (0, 3, 5, 10, 13, 15)] == [
        (True, 10),
        (True, 13),
        (False, 10),
        (True, 15),
        (True, 15),
        (False, NEVER),
    ]


def test_did_not_begins_when_the_last_event_leaves_and_never_ends_by_itself() -> None:
    for did_not in (Not(EventCount(BUY, Window(10))), EventCount(BUY, Window(10), None, 0)):
        at = over(did_not, [buy(0), buy(3)])
        assert [at(now) for now in (3, 12, 13)] == [(False, 13), (False, 13), (True, NEVER)]


def test_a_count_of_equal_values_holds_by_the_value_that_lasts_longest() -> None:
    happened = [buy(0, "a"), buy(1, "b"), buy(2, "a"), buy(4, "b"), buy(5)]
    at = over(EventCount(BUY, Window(10), 2, same=ITEM), happened)
    assert [at(now) for now in (1, 2, 4, 10, 11)] == [
        (False, NEVER),
        (True, 10),
        (True, 11),
        (True, 11),
        (False, NEVER),
    ]


@pytest.mark.parametrize(
    ("one", "other", "holds"), [(1, 1.0, True), (1, True, False), ("1", 1, False), ("x" * 257,) * 2 + (False,)]
)
def test_values_are_the_same_by_type_and_value(one: object, other: object, holds: bool) -> None:
    assert over(EventCount(BUY, Window(10), 2, same=ITEM), [buy(0, one), buy(1, other)])(1).holds is holds


def test_in_a_session_a_count_ends_with_it() -> None:
    at = over(EventCount(BUY, Window(session=True), 2), [buy(AT), buy(AT + GAP_MS), buy(AT + GAP_MS + 1)])
    assert at(AT) == (False, NEVER)
    assert at(AT + GAP_MS) == (False, NEVER), "a gap of exactly half an hour begins another session"
    assert at(AT + GAP_MS + 1) == (True, AT + 2 * GAP_MS + 1)
    assert at(AT + 2 * GAP_MS + 1) == (False, NEVER)


def test_in_a_window_within_a_session_a_count_ends_with_the_earlier_one() -> None:
    at = over(EventCount(BUY, Window(60, session=True)), [buy(AT)])
    assert at(AT) == (True, AT + 60)
    at = over(EventCount(BUY, Window(2 * GAP_MS, session=True)), [buy(AT)])
    assert at(AT) == (True, AT + GAP_MS)


def test_a_count_without_a_window_is_of_all_events_for_ever() -> None:
    at = over(EventCount(BUY, Window(), 2), [buy(0), buy(10**12)])
    assert [at(now) for now in (0, 10**12, 10**13)] == [(False, NEVER), (True, NEVER), (True, NEVER)]


@pytest.mark.parametrize(
    ("measure", "of", "comparison", "expected"),
    [
        (Measure.SUM, PRICE, Comparison(Operator.GREATER_THAN, 0.3), (False, NEVER)),
        (Measure.SUM, PRICE, Comparison(Operator.EQUALS, 0.3), (True, 10)),
        (Measure.SUM, PRICE, Comparison(Operator.LESS_THAN, 0.3), (False, 10)),
        (Measure.AVERAGE, PRICE, Comparison(Operator.EQUALS, 0.15), (True, 10)),
        (Measure.MIN, PRICE, Comparison(Operator.EQUALS, 0.1), (True, 10)),
        (Measure.MAX, PRICE, Comparison(Operator.EQUALS, 0.2), (True, 13)),
        (Measure.COUNT, None, Comparison(Operator.GREATER_OR_EQUAL, 2), (True, 13)),
        (Measure.DISTINCT, ITEM, Comparison(Operator.EQUALS, 2), (True, 10)),
        (Measure.FIRST, ITEM, Comparison(Operator.EQUALS, "a"), (True, 10)),
        (Measure.LAST, ITEM, Comparison(Operator.EQUALS, "b"), (True, 15)),
        (Measure.MOST_FREQUENT, ITEM, Comparison(Operator.EQUALS, "b"), (True, 15)),
        (Measure.VALUES, ITEM, Comparison(Operator.CONTAINS, "a"), (True, 10)),
        (Measure.FIRST_AT, None, Comparison(Operator.AFTER, -1), (True, 15)),
        (Measure.LAST_AT, None, Comparison(Operator.WITHIN_LAST, 4), (True, 9)),
        (Measure.LAST_AT, None, Comparison(Operator.LONGER_AGO_THAN, 4), (False, 9)),
    ],
)
def test_an_aggregate_is_of_the_window_and_changes_as_events_leave(
    measure: Measure, of: Field | None, comparison: Comparison, expected: tuple[bool, int]
) -> None:
    happened = [buy(0, "a", 0.1), buy(3, "b", 0.2), buy(5, "b", "0.4")]
    condition = AggregateComparison(Aggregate(BUY, measure, of, Window(10)), (comparison,))
    assert over(condition, happened)(5) == expected


@pytest.mark.parametrize(
    ("measure", "nothing"),
    [(Measure.SUM, 0), (Measure.DISTINCT, 0), (Measure.AVERAGE, None), (Measure.LAST, None), (Measure.VALUES, None)],
)
def test_an_aggregate_of_nothing_is_0_or_missing(measure: Measure, nothing: int | None) -> None:
    for window in (Window(), Window(10), Window(session=True)):
        aggregate = Aggregate(BUY, measure, PRICE, window)
        is_zero = AggregateComparison(aggregate, (Comparison(Operator.EQUALS, 0),))
        is_missing = AggregateComparison(aggregate, (Comparison(Operator.EXISTS, False),))
        for happened in ([], [buy(0)]):
            assert over(is_zero, happened)(5) == (nothing == 0, NEVER)
            assert over(is_missing, happened)(5) == (nothing is None, NEVER)


def test_an_aggregate_with_many_events_in_its_window_looks_only_so_far_ahead() -> None:
    happened = [buy(number, price=1) for number in range(100)]
    condition = AggregateComparison(
        Aggregate(BUY, Measure.SUM, PRICE, Window(1_000)), (Comparison(Operator.GREATER_THAN, 10),)
    )
    holds, until = over(condition, happened)(99)
    assert holds
    assert 1_000 < until < 1_089, "the true end: never later"


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (Operator.WITHIN_LAST, [(False, 10), (True, 15), (True, 15), (False, NEVER)]),
        (Operator.LONGER_AGO_THAN, [(False, 15), (False, 15), (False, 15), (True, NEVER)]),
        (Operator.WITHIN_NEXT, [(True, 10), (False, NEVER), (False, NEVER), (False, NEVER)]),
    ],
)
def test_a_date_is_compared_with_now(operator: Operator, expected: list[tuple[bool, int]]) -> None:
    condition = TraitComparison(("due",), (Comparison(operator, 5),))
    at = over(condition, [], due="1970-01-01T00:00:00.010Z")
    assert [at(now) for now in (9, 10, 14, 15)] == expected
    assert over(condition, [], due="soon")(9) == over(condition, [], due=10)(9) == (False, NEVER)


def test_a_date_that_is_still_far_comes_within_the_next_period_at_its_time() -> None:
    at = over(TraitComparison(("due",), (Comparison(Operator.WITHIN_NEXT, 5),)), [], due="1970-01-01T00:00:00.010Z")
    assert [at(now) for now in (4, 5)] == [(False, 5), (True, 10)]


def test_several_comparisons_with_now_hold_together() -> None:
    both = (Comparison(Operator.WITHIN_LAST, 20), Comparison(Operator.LONGER_AGO_THAN, 5))
    at = over(TraitComparison(("seen",), both), [], seen="1970-01-01T00:00:00.010Z")
    assert [at(now) for now in (9, 10, 15, 29, 30)] == [
        (False, 15),
        (False, 15),
        (True, 30),
        (True, 30),
        (False, NEVER),
    ]


def test_a_fact_of_the_current_session_is_missing_once_it_has_ended() -> None:
    is_google = Comparison(Operator.EQUALS, "google")
    facts = {"source": "google"}
    at = over(SessionComparison("current", "source", (is_google,)), [buy(AT)], facts)
    assert [at(AT), at(AT + GAP_MS)] == [(True, AT + GAP_MS), (False, NEVER)]
    at = over(SessionComparison("last", "source", (is_google,)), [buy(AT)], facts)
    assert [at(AT), at(AT + GAP_MS)] == [(True, NEVER), (True, NEVER)]


def test_a_sample_is_stable_and_as_large_as_it_says() -> None:
    program = compile_program(Definitions((Segment("s", Sample(250, "salt")), Segment("t", Sample(250, "other")))))
    drawn, others = (
        {number for number in range(4_000) if segment.evaluate(Known(program, profile_id=str(number)), 0)[0]}
        for segment in program.segments
    )
    assert 900 < len(drawn) < 1_100
    assert 180 < len(drawn & others) < 320, "samples under two salts have nothing to do with each other"


def test_what_a_condition_reads_is_named() -> None:
    conditions: list[tuple[Condition, str]] = [
        (TraitComparison(("plan", "name"), ()), "plan"),
        (InSegment("other"), membership_of("other")),
        (SessionComparison("last", "source", ()), SESSION),
        (EventCount(BUY, Window(session=True)), SESSION),
    ]
    for condition, name in conditions:
        (segment,) = compile_program(Definitions((Segment("s", condition),))).segments
        assert name in segment.reads


def test_what_is_shared_with_a_longer_window_counts_in_its_own_window_alone() -> None:
    shorter, longer = EventCount(BUY, Window(10)), EventCount(BUY, Window(20), 5)
    program = compile_program(Definitions((Segment("s", shorter), Segment("t", longer))))
    assert len(program.accumulators) == 1
    evaluations = [program.segments[0].evaluate(Known(program, [buy(0)], now), now) for now in (9, 10)]
    assert evaluations == [(True, 10), (False, NEVER)]
