"""Merging is a commutative monoid, and merging then folding is folding then merging."""

import copy
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Event, Identifier
from streams.fold import facets
from streams.fold.evaluation import evaluate_all
from streams.fold.evaluations import Evaluations
from streams.fold.fold import advance, fold_event, next_deadline
from streams.fold.lineage import Lineage
from streams.fold.merge import merge, retire
from streams.fold.moment import FoldContext, Moment, Outputs
from streams.fold.recent_ids import unpacked
from streams.fold.records import profile_record
from streams.fold.sessions import recent
from streams.fold.state import FACETS, ProfileState
from tests.streams.fold import naive
from tests.streams.fold.definitions import PROGRAM
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

LONGER = st.integers(0, 40).map(lambda step: START + step * 97 * MINUTE)  # spans almost three days
COUNTS = st.integers(1, 4)


def facts(state: ProfileState) -> dict[str, object]:
    """What of a state must not depend on the order of merging, by facet."""
    facets = {name: getattr(state, name) for name in FACETS if name not in {"recent_ids", "memberships", "lineage"}}
    return facets | {
        "as_of": state.as_of,
        "recent_ids": set(unpacked(state.recent_ids.packed)),
    }


def facts_at_rest(state: ProfileState) -> dict[str, object]:
    """The facts without what depends on when deadlines fired and old windows were dropped."""
    kept = {name: fact for name, fact in facts(state).items() if name not in {"as_of", "aggregates", "evaluations"}}
    return kept | {"sessions": recent(state.sessions.spans, state.as_of)}


def merged(*states: ProfileState) -> ProfileState:
    result = ProfileState()
    for state in states:
        as_of = max(result.as_of, state.as_of)
        facets.unite(result, state, Moment(CONTEXT, Outputs(), "merge", as_of, 0))
    return result


def divided(events: list[Event], owners: list[int], count: int) -> list[list[Event]]:
    """The events of several profiles, each its own person."""
    profiles: list[list[Event]] = [[] for _ in range(count)]
    for number, each in enumerate(events):
        profiles[owners[number % len(owners)] % count].append(each)
    return profiles


OWNERS = st.lists(st.integers(0, 3), min_size=1, max_size=9)


@given(events=event_lists(LONGER), owners=OWNERS)
def test_merging_is_commutative_and_associative_with_the_empty_profile_as_identity(
    events: list[Event], owners: list[int]
) -> None:
    a, b, c = (merged(fold(own)[0]) for own in divided(events, owners, 3))
    assert facts(merged(a, b)) == facts(merged(b, a))
    assert facts(merged(merged(a, b), c)) == facts(merged(a, merged(b, c)))
    assert facts(merged(a, ProfileState())) == facts(merged(ProfileState(), a)) == facts(a)


@given(data=st.data(), events=event_lists(), owners=OWNERS, count=COUNTS, afterwards=st.integers(0, 36))
def test_folding_over_many_profiles_and_merging_in_any_tree_is_folding_into_one(
    data: st.DataObject, events: list[Event], owners: list[int], count: int, afterwards: int
) -> None:
    until = events[-1].occurred_at + afterwards * 5 * MINUTE
    profiles = [_Person(number) for number in range(count)]
    for person, own in zip(profiles, divided(events, owners, count), strict=True):
        person.fold(data.draw(st.permutations(own)))
    decision = 0
    while len(profiles) > 1:
        loser = profiles.pop(data.draw(st.integers(0, len(profiles) - 1)))
        survivor = data.draw(st.sampled_from(profiles))
        decision += 1
        survivor.take(loser, decision)
    (person,) = profiles
    at_rest(person.state, until, person.context, person.out)

    whole, whole_out = fold(events)
    at_rest(whole, until, out=whole_out)
    assert facts_at_rest(person.state) == facts_at_rest(whole)
    assert person.state.memberships.entered_at.keys() == members(person.out.segment_changes)
    assert members(person.out.segment_changes) == naive.segments(events, until)
    sessions = [naive.shown(s) for s in visible(person.out)]
    assert sessions == naive.sessions(events)
    for which in WHICH:
        assert person.state.sessions.facts(which, until) == naive.session_facts(which, events, until)
    assert [s.status for s in visible(person.out)] == [s.status for s in visible(whole_out)]
    for state in (person.state, whole):  # what an event prolongs is evaluated when it would have ended: too early, once
        evaluate_all(state, "anew", CONTEXT, again := Outputs())
        assert not again.segment_changes
    assert next_deadline(person.state) == next_deadline(whole)


@given(events=event_lists(), later=event_lists(), owners=OWNERS, afterwards=st.integers(0, 36))
def test_merging_then_folding_is_folding_then_merging(
    events: list[Event], later: list[Event], owners: list[int], afterwards: int
) -> None:
    later = [_renamed(folded) for folded in later]
    until = max(events[-1].occurred_at, later[-1].occurred_at) + afterwards * 5 * MINUTE
    results = []
    for merges_first in (True, False):
        left, right = _Person(0), _Person(1)
        for person, own in zip((left, right), divided(events, owners, 2), strict=True):
            person.fold(own)
        if merges_first:
            left.take(right, 1)
            left.fold(later)
        else:
            left.fold(later[::2])
            right.fold(later[1::2])
            left.take(right, 1)
        at_rest(left.state, until, left.context, left.out)
        results.append((facts_at_rest(left.state), set(left.state.memberships.entered_at), visible_spans(left.out)))
    assert results[0] == results[1]


def visible_spans(out: Outputs) -> list[tuple[int, int, int, str]]:
    return [(s.started_at, s.ended_at, s.events, s.status) for s in visible(out)]


def retired(events: list[Event]) -> ProfileState:
    """The state of another profile, ready to be taken over."""
    state, out = fold(events)
    retire(state, FoldContext("main", "other", PROGRAM, CONTEXT.source_priority), out)
    return state


class _Person:
    """A profile with its own id, and all that was published of it and of those it absorbed."""

    def __init__(self, number: int) -> None:
        self.context = FoldContext("main", f"profile-{number}", PROGRAM, CONTEXT.source_priority)
        self.state = ProfileState()
        self.out = Outputs()

    def fold(self, events: list[Event]) -> None:
        for folded in events:
            fold_event(self.state, folded, self.context, self.out)

    def take(self, loser: "_Person", decision: int) -> None:
        retire(loser.state, loser.context, loser.out)
        assert members(loser.out.segment_changes) == set()
        assert visible(loser.out) == []
        before = copy.deepcopy(loser.state)
        merge(self.state, loser.state, (), decision, self.context, self.out)
        assert loser.state == before
        assert self.state.lineage.decision == decision
        assert next_deadline(self.state) > self.state.as_of


def _renamed(folded: Event) -> Event:
    fields = {name: getattr(folded, name) for name in folded.__struct_fields__}
    return Event(**{**fields, "message_id": "later-" + folded.message_id})


def test_the_survivor_enters_by_merge_and_fires_its_own_deadlines_first() -> None:
    state, out = fold([event(START + minute * MINUTE) for minute in range(3)])
    other = retired([event(START + 3 * HOUR, "Buy", message_id="b", properties={"amount": 20})])
    merge(state, other, (Identifier("email", "ann@example.org"),), 7, CONTEXT, out)
    assert transitions(out.segment_changes) == [
        ("pro_or_viewing", "entered", START),
        ("frequent", "entered", START + 2 * MINUTE),
        ("frequent", "exited", START + HOUR),
        ("pro_or_viewing", "exited", START + HOUR + 2 * MINUTE),
        ("quiet", "entered", START + HOUR + 32 * MINUTE),
    ]
    more = retired([event(START + 3 * HOUR, "Buy", message_id="c", properties={"amount": 20})])
    merge(state, more, (), 8, CONTEXT, out)
    entered = out.segment_changes[-1]
    assert (entered.segment, entered.cause, entered.changed_at) == ("buyers", "merge", START + 3 * HOUR)
    assert entered.identifiers[-1] == Identifier("email", "ann@example.org")


def test_sessions_move_to_the_survivor_and_join_its_own() -> None:
    state, out = fold([event(START), event(START + 40 * MINUTE)])
    other, other_out = fold([event(START + 20 * MINUTE, message_id="other")])
    retire(other, FoldContext("main", "loser", PROGRAM, CONTEXT.source_priority), other_out)
    merge(state, other, (), 1, CONTEXT, out)
    assert visible_spans(out) == [(START, START + 40 * MINUTE, 3, "open")]
    assert [s.status for s in out.sessions.values()] == ["open", "retracted"]


def test_sessions_from_a_forgotten_time_move_under_ids_of_their_own() -> None:
    state, out = fold([event(START), event(START + 5 * DAY)])
    other = retired([event(START, message_id="other")])
    merge(state, other, (), 1, CONTEXT, out)
    spans = visible_spans(out)
    assert spans == [(START, START, 1, "closed"), (START, START, 1, "closed"), (START + 5 * DAY,) * 2 + (1, "open")]


def test_a_merge_goes_on_after_the_higher_version() -> None:
    state, other = ProfileState(lineage=Lineage(3)), ProfileState(lineage=Lineage(9))
    merge(state, other, (), 1, CONTEXT, Outputs())
    assert profile_record(state, CONTEXT, START).version == 10


def test_two_empty_profiles_merge_into_an_empty_one() -> None:
    state, out = ProfileState(), Outputs()
    merge(state, ProfileState(), (), 1, CONTEXT, out)
    assert out == Outputs(touches_consent=True, announces_consent=True)
    assert state == ProfileState(
        lineage=Lineage(decision=1), evaluations=Evaluations(definitions=CONTEXT.program.fingerprint)
    )


def test_a_message_known_to_either_side_is_known_after_the_merge() -> None:
    ours, theirs = event(START, message_id="ours"), event(START, message_id="theirs")
    state, out = fold([ours])
    merge(state, retired([theirs]), (), 1, CONTEXT, out)
    assert [fold_event(state, again, CONTEXT, out) for again in (ours, theirs)] == [False, False]


@pytest.mark.parametrize("order", [lambda states: states, lambda states: states[::-1]], ids=["as_is", "reversed"])
def test_traits_beyond_the_maximum_are_the_newest_in_any_order(
    order: Callable[[list[ProfileState]], list[ProfileState]],
) -> None:
    states = [
        fold([identify(START - number, {f"trait{number}-{index}": 1 for index in range(200)})])[0]
        for number in range(4)
    ]
    shown = json.loads(profile_record(merged(*order(states)), CONTEXT, START).traits)
    assert len(shown) == 500
    assert [sum(name.startswith(f"trait{number}-") for name in shown) for number in range(4)] == [200, 200, 100, 0]


def test_time_does_not_run_backwards_when_the_other_is_older() -> None:
    state, out = fold([event(START + HOUR)])
    merge(state, retired([event(START, message_id="older")]), (), 1, CONTEXT, out)
    assert state.as_of == START + HOUR
    advance(state, START + DAY, CONTEXT, out)
    assert state.memberships.entered_at.keys() == {"quiet"}


def test_who_leaves_a_segment_by_a_merge_leaves_it_under_the_identifiers_that_it_entered_under() -> None:
    earlier, later = (Identifier("phone", number) for number in ("1", "2"))
    quiet, other = ProfileState(), ProfileState()
    fold_event(quiet, event(START, message_id="m0", identifiers=(later,)), CONTEXT, Outputs())
    advance(quiet, START + 2 * HOUR, CONTEXT, Outputs())
    fold_event(other, event(START + 2 * HOUR, message_id="m1", identifiers=(earlier,)), CONTEXT, Outputs())
    retire(other, CONTEXT, Outputs())
    out = Outputs(segment_changes=[])
    merge(quiet, other, (earlier,), 6, CONTEXT, out)
    changes = {each.segment: (each.change, each.identifiers) for each in out.segment_changes}
    assert changes["quiet"] == ("exited", (later,))
    assert changes["pro_or_viewing"] == ("entered", (earlier, later))
