"""Sessions as an accumulator keeps them: exact in whatever order events come, and however often it was trimmed."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import compile_program
from definitions.model import Definitions, EventCount, EventMatcher, Segment, Window
from definitions.plan.accumulators import MAX_SESSIONS, accumulators_of
from definitions.streaming.states import EventOrder, Spans, decode_state, encode_state
from tests.definitions.naive.conditions import holds
from tests.definitions.naive.lives import Happened, Life
from tests.definitions.naive.sessions import GAP_MS
from tests.definitions.streaming.subjects import Known

SESSIONS = EventMatcher(sessions=True)
WINDOW = 4 * GAP_MS
LAST = 12 * GAP_MS

# Gaps of a session and a millisecond more or less: what lies between two of them joins both, one or none.
times = st.integers(0, 24).map(lambda halves: halves * GAP_MS // 2) | st.integers(0, LAST)
histories = st.lists(times, min_size=1, max_size=12)


def state_of(happened: list[int]) -> Spans:
    state = Spans()
    for at in happened:
        state.add(EventOrder(at), None)
    return state


def begun(happened: list[int], since: int) -> list[int]:
    """When sessions began after a time."""
    ordered = sorted(happened)
    pairs = zip(ordered, [None, *ordered], strict=False)
    return [at for at, before in pairs if (before is None or at - before >= GAP_MS) and at > since]


@given(histories, st.randoms(use_true_random=False))
def test_sessions_are_those_of_all_events_in_whatever_order_they_come(happened: list[int], random: Random) -> None:
    arriving = random.sample(happened, len(happened))
    cut = random.randint(0, len(happened))
    one, other = state_of(arriving[:cut]), state_of(arriving[cut:])
    one.unite(other)
    assert one == state_of(happened)
    assert one.times == begun(happened, -1)
    assert decode_state(encode_state(one)) == one


@given(histories, st.randoms(use_true_random=False))
def test_nobody_can_tell_how_often_a_state_was_trimmed(happened: list[int], random: Random) -> None:
    (planned,) = accumulators_of(Definitions((Segment("s", EventCount(SESSIONS, Window(WINDOW), 3)),)))
    state, as_of = Spans(), 0
    for at in random.sample(happened, len(happened)):
        as_of = max(as_of, at)
        state.add(EventOrder(at), None)
        if random.random() < 0.5:
            state.trim(planned, random.randint(0, as_of))
    whole = state_of(happened)
    for each in (state, whole):
        each.trim(planned, as_of)
    assert state == whole
    assert [at for at in state.times if at > as_of - WINDOW] == begun(happened, as_of - WINDOW)


def test_an_event_after_a_session_that_was_dropped_leaves_what_it_would_have_left_before() -> None:
    (planned,) = accumulators_of(Definitions((Segment("s", EventCount(SESSIONS, Window(WINDOW), 3)),)))
    dropped, whole, as_of = state_of([0]), state_of([0]), WINDOW + GAP_MS
    assert not dropped.trim(planned, as_of), "nothing is left"
    for state in (dropped, whole):
        state.add(EventOrder(GAP_MS - 1), None)
        state.trim(planned, as_of)
    assert dropped == whole
    whole.add(EventOrder(2 * GAP_MS - 2), None)
    assert [at for at in whole.times if at > as_of - WINDOW] == []


@given(histories, st.integers(1, 3), st.none() | st.just(2), st.booleans(), times)
def test_a_count_of_sessions_lasts_as_long_as_it_says(
    happened: list[int], at_least: int, at_most: int | None, is_ever: bool, now: int
) -> None:
    count = EventCount(SESSIONS, Window(None if is_ever else WINDOW), min(at_least, at_most or at_least), at_most)
    past = [Happened(at, "page", None, message_id=f"{n}") for n, at in enumerate(happened) if at <= now]
    program = compile_program(Definitions((Segment("s", count),)))
    is_held, until = program.segments[0].evaluate(Known(program, past, now), now)
    life = Life(past)
    for later in (now, min(until, 2 * LAST) - 1):
        assert holds(count, life, later) is is_held
    if until < 2 * LAST:
        assert holds(count, life, until) is not is_held


@pytest.mark.parametrize("number", [MAX_SESSIONS - 1, MAX_SESSIONS, MAX_SESSIONS + 1])
def test_so_many_sessions_are_kept_that_a_thousand_are_left_when_late_events_join_some(number: int) -> None:
    (planned,) = accumulators_of(Definitions((Segment("s", EventCount(SESSIONS, Window(), 3)),)))
    state = state_of([at * GAP_MS for at in range(number)])
    state.trim(planned, number * GAP_MS)
    assert len(state.spans) == min(number, MAX_SESSIONS)
    for late in range(50):
        state.add(EventOrder((number - 2 * late) * GAP_MS - GAP_MS // 2), None)
    assert len(state.spans) >= 1_000
