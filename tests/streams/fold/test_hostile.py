"""Bots and broken producers: a state stays small and nothing raises."""

import json

import pytest

from schemas.records import EventType
from streams.fold.entry import decode_entry, encode_entry
from streams.fold.fold import advance, fold_event, next_deadline
from streams.fold.merge import merge, retire
from streams.fold.moment import Outputs
from streams.fold.records import profile_record
from streams.fold.state import ProfileState
from tests.streams.fold.given import CONTEXT, DAY, MINUTE, START, event, fold, identify, visible

YEAR_2100 = 4_102_444_800_000


def size(state: ProfileState) -> int:
    return len(encode_entry(state, next_deadline(state)))


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("events", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_a_flood_of_events_leaves_a_small_state(events: int) -> None:
    state = ProfileState()
    for number in range(events):
        url = json.dumps({"amount": 20, "url": f"https://shop.example/{number}?" + "q" * 3000})
        name = ("View", "Buy", f"bot {number}")[number % 3]
        at = START + number * 1000 - (number % 7) * 10 * MINUTE
        flooding = event(at, name, message_id=str(number), received_at=START + number, properties=url)
        fold_event(state, flooding, CONTEXT, Outputs())
        if state.recent_ids.is_full:
            state.recent_ids.take()  # as the agent does
    assert state.counters.events == events == sum(state.counters.by_name.values())
    assert size(state) < 300_000


def test_ten_thousand_trait_names_leave_five_hundred() -> None:
    state, out = fold([identify(START, {f"trait {number}": "v" * 100 for number in range(10_000)})])
    assert len(state.traits.writes) == 500
    assert out.drops == {("trait", "too_many"): 9_500}
    assert size(state) < 200_000


@pytest.mark.parametrize("kind", ["track", "identify", "page", "group", "alias"])
@pytest.mark.parametrize(
    "text", ["", "null", "[" * 100_000, '{"a":' * 50_000, '{"url":' + "[" * 50_000, '{"a": 1e999}', '"\ud800"', "\0"]
)
def test_malformed_json_counts_as_none(kind: EventType, text: str) -> None:
    hostile = event(START, "Buy", type=kind, message_id="m", properties=text, traits=text, context=text)
    state, out = fold([hostile])
    assert state.counters.events == 1
    assert visible(out)[0].entry_url is None


@pytest.mark.parametrize("at", [0, -1, -(10**15), YEAR_2100, 10**15])
def test_any_time_is_a_time(at: int) -> None:
    state, out = fold([event(at), event(at + 1, "Buy", properties={"amount": 20})])
    assert at + 1 < next_deadline(state)
    advance(state, at + DAY, CONTEXT, out)
    assert state.memberships.entered_at.keys() == {"quiet"}
    assert decode_entry(encode_entry(state, next_deadline(state))) == state
    assert profile_record(state, CONTEXT, at).last_seen_at == at + 1


def test_a_time_far_ahead_and_back_leaves_both_sessions() -> None:
    _, out = fold([event(START), event(YEAR_2100), event(START + MINUTE), event(0), event(-1)])
    assert [s.started_at for s in visible(out)] == [-1, 0, START, START + MINUTE, YEAR_2100]


def test_merging_many_crowded_profiles_stays_small() -> None:
    state = ProfileState()
    for person in range(20):
        other, _ = fold(
            event(START + number * MINUTE, f"name {person} {number}", message_id=f"{person}-{number}")
            for number in range(600)
        )
        retire(other, CONTEXT, Outputs())
        merge(state, other, (), person + 1, CONTEXT, Outputs())
    assert state.counters.events == 12_000 == sum(state.counters.by_name.values())
    assert size(state) < 150_000
