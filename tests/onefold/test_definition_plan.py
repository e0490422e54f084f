"""What a plan says that a profile needs at most is what the longest values make of it."""

import json
from pathlib import Path

import pytest
from msgspec import Raw
from msgspec.msgpack import encode

from definitions import Definitions
from definitions.model import (
    Aggregate,
    Call,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Scalar,
    Segment,
    Sequence,
    Statistical,
    Step,
    Trait,
    Window,
)
from definitions.plan.accumulators import MAX_DISTINCT, MAX_VALUES, accumulators_of
from definitions.sets.folder import Draft, read_draft
from definitions.streaming.accumulators import state_key
from definitions.streaming.scalars import MAX_TEXT_LENGTH
from definitions.streaming.states import MAX_ORDER_LENGTH, MAX_SUMMAND, Place, encode_state, type_of
from onefold.definition_plan import MOST_STATE_BYTES, planned

VIEW, BUY = (EventMatcher((Call("track", name),)) for name in ("View", "Buy"))
URL, HOUR = Field(("url",)), Window(3_600_000)
LATE = 2**40
WIDE = "\U0001f600"
CONTROL = "\x01"


def measured(measure: Measure, window: Window, of: Field | None = URL) -> Definitions:
    return Definitions(traits=(Trait("t", Statistical(Aggregate(VIEW, measure, of, window))),))


@pytest.mark.parametrize(
    "definitions",
    [
        Definitions((Segment("s", EventCount(VIEW, HOUR, at_least=50)),)),
        Definitions((Segment("s", EventCount(VIEW, HOUR, at_least=5, same=URL)),)),
        Definitions((Segment("s", Sequence((Step(VIEW), Step(BUY)), within_ms=100)),)),
        measured(Measure.DISTINCT, HOUR),
        measured(Measure.MOST_FREQUENT, HOUR),
        measured(Measure.SUM, HOUR),
        measured(Measure.DISTINCT, Window()),
        measured(Measure.FIRST, Window()),
        measured(Measure.SUM, Window()),
        measured(Measure.COUNT, Window(), None),
    ],
)
def test_a_profile_needs_at_most_what_the_plan_says_and_hardly_less(definitions: Definitions) -> None:
    longest = 0
    for accumulator in accumulators_of(definitions):
        state = type_of(accumulator)()
        for number in range(MAX_VALUES):
            value: Scalar | None = None
            if accumulator.of is not None:
                value = MAX_SUMMAND - number - 0.5 if accumulator.numbers else _text(number, accumulator.keeping)
            state.add(Place(LATE + number, LATE, WIDE * MAX_ORDER_LENGTH), value)
        state.trim(accumulator, LATE)
        longest += len(encode({state_key(accumulator, 99_999): Raw(encode_state(state))})) - 1
    says = planned(None, Draft(definitions, {})).state_bytes
    assert longest <= says
    assert says < 1.1 * longest + 64


def test_some_aggregates_in_a_window_are_within_the_budget_and_more_are_not() -> None:
    def excess(number: int) -> str:
        traits = tuple(
            Trait(f"t{n}", Statistical(Aggregate(VIEW, Measure.DISTINCT, Field((f"p{n}",)), HOUR)))
            for n in range(number)
        )
        return planned(None, Draft(Definitions(traits=traits), {})).excess

    assert not excess(2)
    assert f"{MOST_STATE_BYTES:,} are the budget" in excess(3)


def test_the_library_of_examples_is_within_the_budget() -> None:
    assert not planned(None, read_draft(Path("examples/library"))).excess


def _text(number: int, keeping: str) -> str:
    """As long a text as is kept: of characters that are longest as they are, or as JSON."""
    longest = CONTROL if keeping == "values" else WIDE
    text = f"{number % MAX_DISTINCT:03}" + longest * (MAX_TEXT_LENGTH - 3)
    assert json.loads(json.dumps(text)) == text
    return text
