"""Sequences in the fold: an event that is said to change nothing of one does not, whatever the order of arrival."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from definitions import NEVER, Segment
from definitions.model import (
    AllOf,
    Call,
    Condition,
    EventCount,
    EventMatcher,
    Field,
    Not,
    Sequence,
    Step,
    Window,
)
from streams.fold.entry import decode_entry, encode_entry
from streams.fold.evaluation import evaluate_all
from streams.fold.fold import fold_event
from streams.fold.moment import Outputs
from streams.fold.state import ProfileState
from tests.streams.fold.given import START, event
from tests.streams.fold.test_evaluation import context_of

MATCHERS = [EventMatcher((Call("track", name),)) for name in "ABC"]
MATCHERS.append(EventMatcher((Call("track", "A"), Call("track", "B"))))
matchers = st.sampled_from(MATCHERS)


class Sent(NamedTuple):
    """An event: its name, its time after START, what orders it at that time, a value."""

    name: str
    at: int
    ordinal: int
    value: int


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    gaps, without = st.none() | st.sampled_from([2, 5]), st.none() | matchers
    steps = [Step(draw(matchers))]
    steps += [Step(draw(matchers), draw(gaps), draw(without)) for _ in range(draw(st.integers(0, 2)))]
    if len(steps) == 1 or draw(st.booleans()):
        steps.append(Step(draw(matchers), draw(st.sampled_from([2, 5])), absent=True))
    same = Field(("value",)) if draw(st.booleans()) else None
    return Sequence(tuple(steps), draw(st.sampled_from([4, 9])), draw(st.integers(1, 2)), same)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    sequence = draw(sequences())
    counted = EventCount(draw(matchers), Window(6))
    wrapped: list[Condition] = [
        sequence,
        Not(sequence),
        AllOf((sequence, counted)),
        AllOf((Not(sequence), counted)),
    ]
    return draw(st.sampled_from(wrapped))


SENT = st.builds(Sent, st.sampled_from("ABCD"), st.integers(0, 9), st.integers(0, 2), st.integers(0, 1))


@given(st.lists(conditions(), min_size=1, max_size=4), st.lists(SENT, max_size=12))
def test_after_each_event_all_is_as_if_all_were_evaluated(conditions: list[Condition], sent: list[Sent]) -> None:
    within = context_of(*(Segment(f"s{number}", condition) for number, condition in enumerate(conditions)))
    state = ProfileState()
    for number, (name, at, ordinal, value) in enumerate(sent):
        folded = event(START + at, name, message_id=f"m{number}", ordinal=ordinal, properties={"value": value})
        fold_event(state, folded, within, Outputs())
        whole, out = decode_entry(encode_entry(state, NEVER)), Outputs()
        assert isinstance(whole, ProfileState)
        evaluate_all(whole, "", within, out)
        assert out.segment_changes == []
        own, untils = state.evaluations.untils, whole.evaluations.untils
        assert all(own.get(item, NEVER) <= until for item, until in untils.items()), (
            "whatever changes is looked at then"
        )
