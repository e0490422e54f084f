"""States of accumulators are monoids: order, grouping and trimming change nothing that anybody can ask for."""

import json
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from definitions.model import EventMatcher, Field, Scalar
from definitions.plan import Accumulator
from definitions.plan.accumulators import MAX_DISTINCT
from definitions.streaming.scalars import json_text, number, rank_of_text, scalar
from definitions.streaming.states import (
    MAX_SUMMAND,
    Calls,
    Ends,
    EventOrder,
    Newest,
    Numbers,
    Spans,
    Times,
    Values,
    decode_state,
    encode_state,
    millionths,
    newest_of,
    total_of,
    type_of,
    values_of,
)

ANY, OF = EventMatcher(), Field(("a",))
ACCUMULATORS = {
    "times": Accumulator("a", "newest", ANY, keep=3, retain_ms=20),
    "times for ever": Accumulator("a", "newest", ANY, keep=2),
    "orders": Accumulator("a", "newest", ANY, keep=3, retain_ms=20, ordered=True),
    "values in a window": Accumulator("a", "newest", ANY, OF, keep=3, retain_ms=20),
    "numbers in a window": Accumulator("a", "newest", ANY, OF, numbers=True, keep=1),
    "calls": Accumulator("a", "total", ANY),
    "numbers": Accumulator("a", "total", ANY, OF, numbers=True),
    "ends": Accumulator("a", "total", ANY, OF),
    "values": Accumulator("a", "values", ANY, OF),
}
BY_ACCUMULATOR = pytest.mark.parametrize("accumulator", ACCUMULATORS.values(), ids=ACCUMULATORS)
NOW = 30

Happened = tuple[EventOrder, Scalar | None]
numbers = st.sampled_from([-1, 0, 1, 0.1, 0.2, 0.0000005, 0.0000015, 10**12, -(10**12), 10**13, 1e17])
values = st.one_of(numbers, st.booleans(), st.sampled_from(["1", "a", "a b", "北京", ""]))


@st.composite
def happenings(draw: st.DrawFn, accumulator: Accumulator) -> list[Happened]:
    """Distinct events in few milliseconds with few ordinals, each with a value if one is kept."""
    count = draw(st.integers(0, 12))
    orders = [EventOrder(draw(st.integers(0, NOW)), draw(st.integers(0, 1)), f"m{number}") for number in range(count)]
    drawn = numbers if accumulator.numbers else values
    return [(order, draw(drawn) if accumulator.of else None) for order in draw(st.permutations(orders))]


def added(accumulator: Accumulator, happened: Sequence[Happened], data: st.DataObject | None = None) -> Any:
    """The state of events, one by one; with `data` it is trimmed now and then on the way."""
    state = type_of(accumulator)()
    for order, value in happened:
        state.add(order, value)
        if data is not None and data.draw(st.booleans()):
            state.trim(accumulator, data.draw(st.integers(0, NOW)))
    return state


def united(*states: Any) -> Any:
    result = deepcopy(states[0])
    for other in states[1:]:
        before = deepcopy(other)
        result.unite(other)
        assert other == before, "the other one is left as it is"
    return result


def trimmed(accumulator: Accumulator, state: Any) -> Any:
    kept = deepcopy(state)
    assert kept.trim(accumulator, NOW) is (not isinstance(kept, Times | Newest | Spans) or kept != type(kept)())
    return kept


@BY_ACCUMULATOR
@given(data=st.data())
def test_events_in_any_order_trimmed_anywhere_in_between_make_one_state(
    accumulator: Accumulator, data: st.DataObject
) -> None:
    happened = data.draw(happenings(accumulator))
    expected = trimmed(accumulator, added(accumulator, happened))
    arriving = data.draw(st.permutations(happened))
    assert trimmed(accumulator, added(accumulator, arriving, data)) == expected


@BY_ACCUMULATOR
@given(data=st.data())
def test_uniting_is_commutative_and_associative_and_adds_the_events(
    accumulator: Accumulator, data: st.DataObject
) -> None:
    happened = data.draw(happenings(accumulator))
    first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(happened))] * 2)))
    parts = happened[:first], happened[first:second], happened[second:]
    a, b, c = (added(accumulator, part, data) for part in parts)
    whole = trimmed(accumulator, added(accumulator, happened))
    assert trimmed(accumulator, united(a, b, c)) == trimmed(accumulator, united(c, united(b, a))) == whole
    assert united(type_of(accumulator)(), a) == united(a, type_of(accumulator)()) == a


@BY_ACCUMULATOR
@given(data=st.data())
def test_a_state_is_read_back_from_its_bytes(accumulator: Accumulator, data: st.DataObject) -> None:
    state = added(accumulator, data.draw(happenings(accumulator)))
    assert decode_state(encode_state(state)) == state
    assert decode_state(msgspec.Raw(encode_state(state))) == state


@BY_ACCUMULATOR
@given(data=st.data())
def test_what_sql_answers_makes_the_state_that_the_events_make(accumulator: Accumulator, data: st.DataObject) -> None:
    happened = data.draw(happenings(accumulator))
    expected = trimmed(accumulator, added(accumulator, happened))
    ordered, kind = sorted(happened, key=lambda event: event[0]), type_of(accumulator)
    first, last = (ordered[0], ordered[-1]) if ordered else (None, None)
    if kind in {Times, Newest}:
        state = newest_of(accumulator, data.draw(st.permutations(happened)))
    elif kind is Values:
        counts = Counter(json_text(value) for _, value in happened if value is not None)
        state = values_of((json.loads(text), count) for text, count in counts.items())
    elif kind is Numbers:
        all_numbers: list[Any] = [value for _, value in happened]
        summands = [value for value in all_numbers if abs(value) <= MAX_SUMMAND]
        state = total_of(
            accumulator,
            len(summands),
            millionths=sum(map(millionths, summands)),
            least=min(all_numbers, default=None),
            greatest=max(all_numbers, default=None),
        )
    else:
        assert kind in {Calls, Ends}
        state = total_of(accumulator, len(happened), first=first, last=last)
    assert trimmed(accumulator, state) == expected


@given(st.floats(-(10.0**12), 10.0**12) | st.integers(-(10**12), 10**12))
@example(0.0000005)
@example(2.5e-06)
@example(-0.5e-6)
def test_millionths_are_those_of_the_product_as_a_double_rounded_half_to_even(value: float) -> None:
    assert millionths(value) == round(Fraction(float(value) * 1e6))


def test_a_sum_beyond_64_bits_is_exact_and_has_bytes() -> None:
    state = Numbers()
    for _ in range(100):
        state.add(EventOrder(0), MAX_SUMMAND)
    assert state.millionths == 100 * MAX_SUMMAND * 10**6 > 2**64
    assert decode_state(encode_state(state)) == state
    for _ in range(200):
        state.add(EventOrder(0), -MAX_SUMMAND)
    assert state.millionths == -100 * MAX_SUMMAND * 10**6


def test_a_number_too_great_for_a_sum_is_still_the_greatest() -> None:
    state = Numbers()
    state.add(EventOrder(0), 5)
    state.add(EventOrder(1), MAX_SUMMAND + 1)
    assert (state.number, state.millionths, state.least, state.greatest) == (1, 5_000_000, 5, MAX_SUMMAND + 1)


def test_of_equal_times_the_newest_are_those_of_the_greatest_ordinals_and_message_ids() -> None:
    accumulator = Accumulator("a", "newest", ANY, OF, keep=2)
    state = newest_of(accumulator, [(EventOrder(5, 1, "a"), 1), (EventOrder(5, 0, "z"), 2), (EventOrder(5, 1, "b"), 3)])
    assert isinstance(state, Newest)
    assert [value for *_, value in state.entries] == [1, 3]


def test_distinct_values_are_bounded_by_their_order_and_counted_exactly() -> None:
    state = Values()
    texts = [f"{number:03}" for number in range(MAX_DISTINCT + 50)]
    for text in [*texts[::-1], *texts]:
        state.add(EventOrder(0), text)
    assert state.counts == {json_text(text): 2 for text in texts[:MAX_DISTINCT]}


def test_a_true_and_a_1_are_two_values_and_1_and_its_double_are_one() -> None:
    state = Values()
    for value in (True, 1, scalar(1.0), "1"):
        assert value is not None
        state.add(EventOrder(0), value)
    assert state.counts == {"true": 1, "1": 2, '"1"': 1}


def test_texts_come_first_then_numbers_by_size_then_booleans() -> None:
    ordered: list[Scalar] = ["", "\n", "!", '"', "\\", "a", "a!", "北京", -(10**17), -1.5, 2, 10, 1e300, False, True]
    assert sorted(map(json_text, ordered), key=rank_of_text) == [json_text(value) for value in ordered]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, 1),
        (-0.0, 0),
        (1.5, 1.5),
        (2**53 + 1, 2**53),
        (10**17, 1e17),
        (10**400, None),
        (float("inf"), None),
        (True, True),
        ("x" * 256, "x" * 256),
        ("x" * 257, None),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
    ],
)
def test_a_scalar_has_one_form(value: object, expected: Scalar | None) -> None:
    assert scalar(value) == expected
    assert type(scalar(value)) is type(expected)


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (1.0, 1), ("1", None), (True, None), (None, None)])
def test_only_numbers_are_numbers(value: object, expected: float | None) -> None:
    assert number(value) is expected


def test_an_end_has_the_value_of_its_event() -> None:
    state = Ends()
    for order, value in [(EventOrder(2), "b"), (EventOrder(1), "a"), (EventOrder(3, 1), "d"), (EventOrder(3), "c")]:
        state.add(order, value)
    assert state.number == 4
    assert (state.first, state.last) == ((1, 0, "", "a"), (3, 1, "", "d"))
