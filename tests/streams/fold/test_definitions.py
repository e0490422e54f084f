"""What is defined of a profile is at every time what a plain evaluation of all its events says."""

import json
from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from definitions import Definitions, compile_program
from definitions.model import EventCount, EventMatcher, Segment, Window
from streams.fold.entry import decode_entry, encode_entry
from streams.fold.fold import advance, fold_event, next_deadline
from streams.fold.merge import merge, retire
from streams.fold.moment import FoldContext, Outputs
from streams.fold.records import profile_record
from streams.fold.state import ProfileState
from tests.definitions.generated import BEGINNING, PRIORITIES, Generator
from tests.definitions.naive.answers import members, shown_traits
from tests.definitions.naive.conditions import DAY_MS
from tests.definitions.naive.lives import Happened, Life, order_of
from tests.definitions.naive.sessions import GAP_MS
from tests.definitions.streaming.subjects import event_of

PROFILE, OTHER = "6a1f6f0c-0000-5000-8000-000000000001", "6a1f6f0c-0000-5000-8000-000000000002"


def context_of(definitions: Definitions, profile_id: str = PROFILE) -> FoldContext:
    program = compile_program(definitions).of("main", "person")
    return FoldContext("main", profile_id, program, lambda source: PRIORITIES.get(source, 0))


def kept(state: ProfileState) -> ProfileState:
    """The state after a way through the store."""
    restored = decode_entry(encode_entry(state, next_deadline(state)))
    assert isinstance(restored, ProfileState)
    return restored


def assert_right(state: ProfileState, definitions: Definitions, events: Sequence[Happened], now: int) -> None:
    """Both memberships and shown traits are those of a plain evaluation."""
    context, life = context_of(definitions), Life(events, definitions, PROFILE, PRIORITIES)
    assert set(state.memberships.entered_at) == members(life, now)
    expected = shown_traits(life, now)
    shown = json.loads(profile_record(state, context, now).traits)
    defined = {trait.name for trait in definitions.traits}
    assert as_doubles({name: value for name, value in shown.items() if name in defined}) == as_doubles(expected)


def as_doubles(value: object) -> object:
    """A value with its numbers as doubles, which is what they are."""
    if isinstance(value, dict):
        return {name: as_doubles(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_doubles(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@given(st.randoms(use_true_random=False), st.booleans())
def test_events_in_any_order_are_evaluated_as_of_the_time_of_the_profile(random: Random, in_order: bool) -> None:
    generator = Generator(random)
    definitions, events = generator.definitions(6), generator.history()
    context, out = context_of(definitions), Outputs(segment_changes=[], sessions={}, drops={})
    state, folded = ProfileState(), list[Happened]()
    for happened in sorted(events, key=order_of) if in_order else events:
        fold_event(state, event_of(happened), context, out)
        folded.append(happened)
        state = kept(state)
        assert_right(state, definitions, folded, state.as_of)
    for now in sorted(now for now in generator.moments(events, 5) if now > state.as_of):
        advance(state, now, context, out)
        assert_right(state, definitions, folded, now)


def test_late_events_that_join_sessions_end_what_so_many_sessions_had_begun() -> None:
    counts = (
        EventCount(EventMatcher(sessions=True), Window(7 * DAY_MS), 3),
        EventCount(EventMatcher(sessions=True), Window(), 2),
    )
    definitions = Definitions((Segment("week", counts[0]), Segment("ever", counts[1])))
    context, out = context_of(definitions), Outputs(segment_changes=[], sessions={}, drops={})
    state, folded = ProfileState(), list[Happened]()
    for at in (0, GAP_MS, 2 * GAP_MS, 3 * GAP_MS - 1, GAP_MS // 2, GAP_MS * 3 // 2):
        happened = Happened(BEGINNING + at, "page", None, message_id=f"m{at}")
        fold_event(state, event_of(happened), context, out)
        folded.append(happened)
        assert_right(state, definitions, folded, state.as_of)
    changes = [(change.segment, change.change) for change in out.segment_changes]
    assert changes == [("ever", "entered"), ("week", "entered"), ("week", "exited"), ("ever", "exited")]


@given(st.randoms(use_true_random=False))
def test_nothing_changes_between_two_deadlines_and_each_change_has_its_exact_time(random: Random) -> None:
    generator = Generator(random)
    definitions, events = generator.definitions(4), sorted(generator.history(8), key=order_of)
    context, out = context_of(definitions), Outputs(segment_changes=[], sessions={}, drops={})
    state = ProfileState()
    for happened in events:
        fold_event(state, event_of(happened), context, out)
    for _ in range(30):
        due = next_deadline(state)
        if due - state.as_of > 400 * 86_400_000:
            break
        for now in {due - 1, (state.as_of + due) // 2} - {state.as_of}:
            assert_right(state, definitions, events, now)
        advance(state, due, context, out)
        assert_right(state, definitions, events, due)
    for change in out.segment_changes:
        if change.cause == "deadline":
            before = Life([event for event in events if event.at < change.changed_at], definitions, PROFILE, PRIORITIES)
            was, is_now = (change.segment in members(before, change.changed_at - ago) for ago in (1, 0))
            assert (was, is_now) == (change.change == "exited", change.change == "entered")


@given(st.randoms(use_true_random=False))
def test_merged_profiles_are_evaluated_over_the_events_of_both(random: Random) -> None:
    generator = Generator(random)
    definitions, events = generator.definitions(6), generator.history()
    context, other_context = context_of(definitions), context_of(definitions, OTHER)
    out = Outputs(segment_changes=[], sessions={}, drops={})
    state, other = ProfileState(), ProfileState()
    for happened in events:
        if random.random() < 0.5:
            fold_event(state, event_of(happened), context, out)
        else:
            fold_event(other, event_of(happened), other_context, out)
    retire(other, other_context, out)
    assert not other.memberships.entered_at
    state, other = kept(state), kept(other)
    merge(state, other, (), 1, context, out)
    assert_right(state, definitions, events, state.as_of)
    for now in sorted(now for now in generator.moments(events, 4) if now > state.as_of):
        advance(state, now, context, out)
        assert_right(state, definitions, events, now)
