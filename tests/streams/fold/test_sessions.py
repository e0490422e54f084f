"""Sessions at their boundaries: the gap, late events, retractions, entry addresses."""

from typing import Any

import pytest

from schemas.records import Event, EventType
from streams.fold.fold import advance, next_deadline
from streams.fold.moment import Outputs
from streams.fold.records import profile_record
from streams.fold.sessions import SESSION_GAP_MS, SESSION_LATENESS_MS
from tests.streams.fold.given import CONTEXT, DAY, HOUR, MINUTE, START, event, fold, visible


def spans(out: Outputs) -> list[tuple[int, int, int, str]]:
    return [(s.started_at - START, s.ended_at - START, s.events, s.status) for s in visible(out)]


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (SESSION_GAP_MS - 1, [(0, SESSION_GAP_MS - 1, 2, "open")]),
        (SESSION_GAP_MS, [(0, 0, 1, "closed"), (SESSION_GAP_MS, SESSION_GAP_MS, 1, "open")]),
    ],
)
def test_a_gap_of_exactly_its_length_starts_a_new_session(gap: int, expected: list[tuple[int, int, int, str]]) -> None:
    _, out = fold([event(START), event(START + gap)])
    assert spans(out) == expected


def test_a_session_closes_when_its_gap_is_reached_and_not_before() -> None:
    state, out = fold([event(START)])
    assert next_deadline(state) == START + SESSION_GAP_MS
    advance(state, START + SESSION_GAP_MS - 1, CONTEXT, out)
    assert spans(out) == [(0, 0, 1, "open")]
    advance(state, START + SESSION_GAP_MS, CONTEXT, out)
    assert spans(out) == [(0, 0, 1, "closed")]
    assert profile_record(state, CONTEXT, START).session is None


def test_a_late_event_joins_two_sessions_and_retracts_the_later_id() -> None:
    state, out = fold([event(START), event(START + 40 * MINUTE)])
    assert len(visible(out)) == 2
    fold([event(START + 20 * MINUTE)], state, out=out)
    assert spans(out) == [(0, 40 * MINUTE, 3, "open")]
    assert sorted(s.status for s in out.sessions.values()) == ["open", "retracted"]


def test_an_earlier_start_gives_the_session_another_id() -> None:
    state, out = fold([event(START + MINUTE)])
    (before,) = out.sessions
    fold([event(START)], state, out=out)
    assert out.sessions[before].status == "retracted"
    assert spans(out) == [(0, MINUTE, 2, "open")]


def test_a_late_event_can_open_a_closed_session_again() -> None:
    state, out = fold([event(START)])
    advance(state, START + 30 * MINUTE, CONTEXT, out)
    fold([event(START + 20 * MINUTE)], state, out=out)
    assert spans(out) == [(0, 20 * MINUTE, 2, "open")]
    assert next_deadline(state) == START + 50 * MINUTE


def test_a_session_that_was_over_when_it_came_is_published_closed() -> None:
    _, out = fold([event(START + 5 * HOUR), event(START)])
    assert spans(out) == [(0, 0, 1, "closed"), (5 * HOUR, 5 * HOUR, 1, "open")]


def test_up_to_the_lateness_bound_events_join_and_beyond_it_they_stand_alone() -> None:
    first = START + SESSION_GAP_MS - 1
    now = START + SESSION_LATENESS_MS
    _, out = fold([event(START), event(now), event(START + MINUTE)])
    assert spans(out)[0] == (0, MINUTE, 2, "closed")
    _, out = fold([event(first), event(now), event(START)])
    assert spans(out)[0] == (0, SESSION_GAP_MS - 1, 2, "closed")
    state, out = fold([event(first), event(now), event(START - 1, message_id="too-late")])
    assert spans(out)[:2] == [(-1, -1, 1, "closed"), (SESSION_GAP_MS - 1, SESSION_GAP_MS - 1, 1, "closed")]
    assert state.counters.events == 3


def test_events_that_are_too_late_never_take_the_id_of_another_session() -> None:
    state, out = fold([event(START), event(START + 3 * DAY)])
    fold([event(START, message_id=f"late{number}") for number in range(3)], state, out=out)
    assert spans(out) == [(0, 0, 1, "closed")] * 4 + [(3 * DAY, 3 * DAY, 1, "open")]


def test_few_sessions_are_kept_however_many_there_were() -> None:
    state, out = fold([event(START + number * SESSION_GAP_MS) for number in range(500)])
    assert len(state.sessions.spans) <= 51
    assert len(visible(out)) == 500


def page(at: int, name: str | None = None, **given: Any) -> Event:
    return event(at, name, type="page", **given)


@pytest.mark.parametrize(
    ("events", "url"),
    [
        ([page(START, properties={"url": "a"}), page(START + 1, properties={"url": "b"})], "a"),
        ([page(START + 1, properties={"url": "b"}), page(START, properties={"url": "a"})], "a"),
        ([page(START), page(START + 1, properties={"url": "b"})], "b"),
        ([page(START, properties={"url": "a"}, context={"page": {"url": "b"}})], "a"),
        ([page(START, properties={"url": 1}, context={"page": {"url": "b"}})], "b"),
        ([page(START, properties={"url": "", "title": ["x"]}, context={"page": {"url": "b"}})], "b"),
        ([page(START, properties="[", context="[")], None),
        ([page(START, properties={"url": "b"}), page(START, "Buy", properties={"url": "a"})], "a"),
        ([page(START, properties={"url": "x" * 5000})], "x" * 1024),
        ([event(START, type="screen", properties={"url": "a"})], "a"),
    ],
)
def test_the_entry_address_is_that_of_the_earliest_page_with_one(events: list[Event], url: str | None) -> None:
    require_entry_url(events, url)


@pytest.mark.parametrize("type", ["track", "identify", "group", "alias"])
def test_an_address_among_the_properties_of_another_event_is_none_of_a_page(type: EventType) -> None:
    out = {"url": "https://partner.example/out"}
    require_entry_url([event(START, type=type, properties=out)], None)
    require_entry_url([event(START, type=type, properties=out), page(START + 1, properties={"url": "a"})], "a")
    require_entry_url([event(START, type=type, properties=out, context={"page": out | {"url": "b"}})], "b")
    require_entry_url([event(START, type=type, properties=out, traits=out, context=out | {"page": 7})], None)


def require_entry_url(events: list[Event], url: str | None) -> None:
    state, out = fold(events)
    (session,) = visible(out)
    assert session.entry_url == url
    shown = profile_record(state, CONTEXT, START).session
    assert shown is not None
    assert shown.entry_url == url


def test_an_address_that_is_cut_is_counted_where_it_may_be_the_entry() -> None:
    page = {"page": {"url": "https://shop.example/" + "x" * 2_000}}
    _, out = fold([event(START + number, message_id=str(number), context=page) for number in range(3)])
    assert [session.entry_url for session in visible(out)] == [page["page"]["url"][:1_024]]
    assert out.drops == {("entry_url", "too_long"): 1}
