"""The fold gives what a plain recomputation gives, in whatever order and steps events and time arrive."""

from hypothesis import given
from hypothesis import strategies as st

from definitions import NEVER
from definitions.model import SESSION_GAP_MS
from definitions.streaming.states import Times
from schemas.records import Event, Identifier
from streams.fold.entry import decode_entry, encode_entry
from streams.fold.evaluations import Evaluations
from streams.fold.fold import advance, fold_event, next_deadline, refresh
from streams.fold.moment import FoldContext, Outputs
from streams.fold.records import merged_record, profile_record
from streams.fold.state import ProfileState
from tests.streams.fold import naive
from tests.streams.fold.definitions import FEWER
from tests.streams.fold.given import (
    CONTEXT,
    DAY,
    HOUR,
    MINUTE,
    START,
    WHICH,
    at_rest,
    event,
    event_lists,
    fold,
    identify,
    members,
    transitions,
    visible,
)

AFTERWARDS = st.integers(0, 30 * 12).map(lambda step: step * 5 * MINUTE)


@given(data=st.data(), events=event_lists(), afterwards=AFTERWARDS)
def test_any_order_ends_in_the_recomputation_over_all_events(
    data: st.DataObject, events: list[Event], afterwards: int
) -> None:
    until = events[-1].occurred_at + afterwards
    arriving = data.draw(st.permutations(events))
    cut = data.draw(st.integers(0, len(events)))
    state, first = fold(arriving[:cut])
    state, second = fold(arriving[cut:], state)
    at_rest(state, until, out=second)

    record = profile_record(state, CONTEXT, until)
    assert naive.exact(record.traits) == naive.traits(events)
    assert record.counters == naive.counters(events)
    assert record.events == len(events)
    assert (record.first_seen_at, record.last_seen_at) == (events[0].occurred_at, events[-1].occurred_at)
    # Nothing changes between the last deadline and `until`, so asking then is asking as of the state's time.
    assert {membership.segment for membership in record.segments} == naive.segments(events, until)
    assert members(first.segment_changes + second.segment_changes) == naive.segments(events, until)

    expected = naive.sessions(events)
    sessions = visible(first, second)
    assert [naive.shown(s) for s in sessions] == expected
    open_at_the_end = expected[-1].ended_at + 30 * MINUTE > until
    assert [s.status for s in sessions] == ["closed"] * (len(expected) - 1) + ["open" if open_at_the_end else "closed"]
    assert (record.session is not None) == open_at_the_end
    for which in WHICH:
        assert state.sessions.facts(which, until) == naive.session_facts(which, events, until)
    if record.session is not None:
        assert record.session.session_id == sessions[-1].session_id


@given(events=event_lists(), afterwards=AFTERWARDS)
def test_in_the_order_of_time_every_transition_comes_at_its_exact_time(events: list[Event], afterwards: int) -> None:
    until = events[-1].occurred_at + afterwards
    state, out = fold(events)
    at_rest(state, until, out=out)
    assert transitions(out.segment_changes) == naive.transitions(events, until)


@given(events=event_lists(), steps=st.lists(AFTERWARDS))
def test_time_in_many_steps_is_time_in_one_step(events: list[Event], steps: list[int]) -> None:
    last = max([0, *steps])
    (stepwise, slow), (at_once, quick) = fold(events), fold(events)
    for step in sorted(steps):
        advance(stepwise, events[-1].occurred_at + step, CONTEXT, slow)
    advance(at_once, events[-1].occurred_at + last, CONTEXT, quick)
    assert stepwise == at_once
    assert slow == quick


@given(events=event_lists(), data=st.data())
def test_the_sweep_does_not_change_what_an_event_does(events: list[Event], data: st.DataObject) -> None:
    swept, unswept = ProfileState(), ProfileState()
    with_sweep, without = Outputs(), Outputs()
    for folded in events:
        advance(swept, folded.occurred_at - data.draw(st.sampled_from([0, 1, 10 * MINUTE])), CONTEXT, with_sweep)
        fold_event(swept, folded, CONTEXT, with_sweep)
        fold_event(unswept, folded, CONTEXT, without)
    assert swept == unswept
    assert with_sweep == without


@given(events=event_lists(), data=st.data())
def test_a_message_folded_again_changes_nothing(events: list[Event], data: st.DataObject) -> None:
    state, _ = fold(events)
    before = encode_entry(state, next_deadline(state))
    again = Outputs()
    for folded in data.draw(st.permutations(events)):
        assert fold_event(state, folded, CONTEXT, again) is False
    assert encode_entry(state, next_deadline(state)) == before
    assert again == Outputs()


@given(events=event_lists(), data=st.data())
def test_a_state_read_back_from_its_bytes_goes_on_the_same(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    whole, expected = fold(events)
    half, out = fold(events[:cut])
    restored = decode_entry(encode_entry(half, next_deadline(half)))
    assert isinstance(restored, ProfileState)
    assert fold(events[cut:], restored, out=out) == (whole, expected)


def test_an_exit_comes_before_an_event_at_the_same_time() -> None:
    first = [event(START, message_id=f"v{number}") for number in range(3)]
    _, out = fold([*first, event(START + HOUR, message_id="last")])
    frequent = [change for change in out.segment_changes if change.segment == "frequent"]
    assert transitions(frequent) == [("frequent", "entered", START), ("frequent", "exited", START + HOUR)]
    assert [change.cause for change in frequent] == ["v2", "deadline"]


def test_a_late_event_is_judged_as_of_now() -> None:
    state, out = fold([event(START + 50 * MINUTE), event(START + 40 * MINUTE)])
    assert "frequent" not in state.memberships.entered_at
    fold([event(START, message_id="late")], state, out=out)
    assert state.memberships.entered_at["frequent"] == START + 50 * MINUTE
    at_rest(state, START + DAY, out=out)
    assert ("frequent", "exited", START + HOUR) in transitions(out.segment_changes)


def test_versions_grow_with_every_record() -> None:
    state, out = fold([event(START + minute * MINUTE) for minute in range(4)])
    record = profile_record(state, CONTEXT, START)
    later = profile_record(state, CONTEXT, START)
    versions = [change.version for change in out.segment_changes] + [s.version for s in out.sessions.values()]
    assert len(set(versions)) == len(versions)
    assert max(versions) < record.version < later.version == state.lineage.version


def test_ids_of_changes_follow_from_their_causes() -> None:
    events = [event(START + minute * MINUTE) for minute in range(3)]
    _, out = fold(events)
    state = ProfileState()
    replayed = Outputs()
    for folded in events:
        fold_event(state, folded, CONTEXT, replayed)
        profile_record(state, CONTEXT, START)  # other batches, other versions
    assert [change.change_id for change in out.segment_changes] == [c.change_id for c in replayed.segment_changes]
    assert len({change.change_id for change in out.segment_changes}) == len(out.segment_changes)


def test_only_the_primary_identifier_of_an_event_is_taken() -> None:
    pair = (Identifier("user_id", "ann"), Identifier("anonymous_id", "tab"))
    state, out = fold([event(START, identifiers=pair), event(START + 1, identifiers=pair[1:])])
    record = profile_record(state, CONTEXT, START)
    assert record.identifiers == (Identifier("user_id", "ann"), Identifier("anonymous_id", "tab"))
    assert out.segment_changes[0].identifiers == (Identifier("user_id", "ann"),)
    fold([event(START + 2, identifiers=(Identifier("email", "ann@example.org"), pair[0]))], state)
    assert [namespace for namespace, _ in state.identifiers.pairs] == ["user_id", "email", "anonymous_id"]


def test_changed_definitions_take_effect_on_refresh() -> None:
    state, _ = fold([identify(START, {"plan": "pro"}), event(START + 1)])
    fewer, more = Outputs(), Outputs()
    without = FoldContext(CONTEXT.workspace, CONTEXT.profile_id, FEWER, CONTEXT.source_priority)
    refresh(state, without, fewer)
    changes = [(change.segment, change.change, change.cause) for change in fewer.segment_changes]
    assert changes == [("pro_or_viewing", "exited", "definition")]
    assert next_deadline(state) == START + 1 + SESSION_GAP_MS
    assert not state.aggregates.states

    refresh(state, CONTEXT, more)
    refresh(state, CONTEXT, more)
    changes = [(change.segment, change.change, change.cause) for change in more.segment_changes]
    assert changes == [("pro_or_viewing", "entered", "definition"), ("quiet", "entered", "definition")]


def test_changed_definitions_take_effect_before_the_next_event_or_deadline() -> None:
    without = FoldContext(CONTEXT.workspace, CONTEXT.profile_id, FEWER, CONTEXT.source_priority)
    state, by_event = fold([event(START)])
    fold([event(START + HOUR)], state, without, by_event)
    state, by_deadline = fold([event(START)])
    advance(state, START + HOUR, without, by_deadline)
    state, by_late_event = fold([event(START)])
    fold([event(START - 1)], state, without, by_late_event)
    for out in (by_event, by_deadline, by_late_event):
        last = out.segment_changes[-1]
        assert (last.segment, last.cause, last.changed_at) == ("pro_or_viewing", "definition", START)


def test_the_last_millisecond_of_a_window_counts() -> None:
    state, out = fold([event(START), event(START + HOUR - 2), event(START + HOUR - 1)])
    assert next_deadline(state) == START + HOUR
    at_rest(state, START + HOUR, out=out)
    frequent = [change for change in out.segment_changes if change.segment == "frequent"]
    assert transitions(frequent) == [("frequent", "entered", START + HOUR - 1), ("frequent", "exited", START + HOUR)]


def test_an_event_is_remembered_until_the_longest_window_that_reads_it_ends() -> None:
    first = event(START, "Buy", properties={"amount": 10})
    state, _ = fold([first, event(START + 2 * HOUR - 1, "Buy", properties={"amount": 10})])
    assert "buyers" in state.memberships.entered_at
    state, _ = fold([first, event(START + 2 * HOUR, "Buy", properties={"amount": 10})])
    (key,) = state.aggregates.states
    assert state.aggregates.states[key] == Times([START + 2 * HOUR])


def test_an_empty_state_has_nothing_to_fire() -> None:
    state, out = ProfileState(), Outputs()
    advance(state, NEVER, CONTEXT, out)
    assert (state, out) == (ProfileState(evaluations=Evaluations(definitions=CONTEXT.program.fingerprint)), Outputs())
    assert next_deadline(state) == NEVER


def test_what_is_left_of_a_merged_profile_names_its_successor() -> None:
    record = merged_record(CONTEXT, "new", version=7, decision=3, updated_at=START)
    assert (record.merged_into, record.version, record.decision) == ("new", 7, 3)
    assert record.identifiers == ()
