"""Sessions at their boundaries: the gap, late events, retractions, entry addresses."""

from typing import Any

import msgspec
import pytest

from definitions import NEVER, Definitions, Segment, compile_program
from definitions.model import SESSION_GAP_MS, Comparison, Operator, SessionComparison
from schemas.records import Event, EventType, SessionFacts
from streams.fold.entry import decode_entry, encode_entry
from streams.fold.fold import advance, next_deadline
from streams.fold.merge import merge, retire
from streams.fold.moment import Moment, Outputs
from streams.fold.records import profile_record
from streams.fold.sessions import SESSION_LATENESS_MS, Sessions
from streams.fold.state import ProfileState
from tests.streams.fold.given import (
    CONTEXT,
    DAY,
    HOUR,
    MINUTE,
    START,
    WHICH,
    at_rest,
    event,
    fold,
    transitions,
    visible,
)


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


def visit(at: int, source: str, **given: Any) -> Event:
    return event(at, message_id=f"{at}-{source}", context={"facts": {"source": source, "page": f"/{source}"}}, **given)


def sources(state: ProfileState, as_of: int | None = None) -> list[str | None]:
    """The traffic source of the current, first and last session; None where there is no session."""
    facts = [state.sessions.facts(which, state.as_of if as_of is None else as_of) for which in WHICH]
    return [None if each is None else each.source for each in facts]


def test_the_facts_of_a_session_are_those_of_its_first_event_that_has_any() -> None:
    silent = event(START, "View", context={"facts": {"is_bot": False}})
    state, out = fold([silent, visit(START + 1, "google"), visit(START + 2, "bing")])
    (session,) = visible(out)
    assert session.facts == SessionFacts(source="google", entry_page="/google")
    assert sources(state) == ["google"] * 3


def test_an_earlier_event_that_comes_late_gives_its_facts_and_events_of_one_time_go_by_their_order() -> None:
    state, out = fold([visit(START + 3, "bing", ordinal=2), visit(START + 3, "google", ordinal=1)])
    assert [session.facts and session.facts.source for session in visible(out)] == ["google"]
    fold([visit(START, "baidu")], state, out=out)
    assert [session.facts and session.facts.source for session in visible(out)] == ["baidu"]


def test_a_session_without_facts_has_empty_ones_and_no_session_has_none() -> None:
    assert sources(ProfileState(), START) == [None] * 3
    state, out = fold([event(START)])
    assert sources(state) == ["", "", ""]
    assert visible(out)[0].facts is None


def test_a_session_is_current_until_its_gap_has_passed_and_stays_the_last() -> None:
    state, _ = fold([visit(START, "google"), visit(START + DAY, "bing")])
    end = START + DAY + SESSION_GAP_MS
    assert sources(state, end - 1) == ["bing", "google", "bing"]
    assert sources(state, end) == [None, "google", "bing"]


def test_the_first_and_the_last_session_are_remembered_however_long_ago_they_were() -> None:
    state, out = fold([visit(START + number * DAY, f"s{number}") for number in range(90)])
    assert sources(state) == ["s89", "s0", "s89"]
    later = START + 400 * DAY
    at_rest(state, later, out=out)
    state.as_of = later
    state.sessions.forget(Moment(CONTEXT, out, "cause", later, state.lineage.version))
    assert state.sessions.spans == []
    assert sources(state) == [None, "s0", "s89"]
    assert decode_entry(encode_entry(state, NEVER)) == state
    fold([visit(later + 1, "again")], state)
    assert sources(state) == ["again", "s0", "again"]
    assert state.sessions.newest is None


def test_an_event_that_is_too_late_for_sessions_may_still_be_of_the_first_or_the_last_one() -> None:
    state, out = fold([visit(START, "google"), visit(START + 9 * DAY, "bing")])
    fold([visit(START - MINUTE, "baidu")], state, out=out)
    assert sources(state) == ["bing", "baidu", "bing"]
    fold([visit(START - DAY, "weibo"), visit(START + DAY, "middle")], state, out=out)
    assert sources(state) == ["bing", "weibo", "bing"]
    at_rest(state, START + 30 * DAY, out=out)
    state.as_of = START + 30 * DAY
    fold([visit(START + 20 * DAY, "late")], state, out=out)
    assert sources(state) == [None, "weibo", "late"]


@pytest.mark.parametrize("starts", [(0, 3, 9), (9, 3, 0), (3, 0, 9), (3, 9, 0)])
def test_a_merge_has_the_first_and_the_last_session_of_all(starts: tuple[int, ...]) -> None:
    states = [
        fold([visit(START + day * DAY, f"d{day}"), visit(START + day * DAY + 40 * HOUR, f"e{day}")])[0]
        for day in starts
    ]
    whole = states[0]
    for other in states[1:]:
        out = Outputs()
        retire(other, CONTEXT, out)
        merge(whole, other, (), 1, CONTEXT, out)
    assert sources(whole) == ["e9", "d0", "e9"]


def test_every_event_may_change_what_conditions_read_of_sessions() -> None:
    sessions = Sessions()
    for at in (START, START + 1, START + DAY, START + 5 * DAY, START, START + DAY + 1):
        moment = Moment(CONTEXT, Outputs(), "cause", max(at, START + 5 * DAY), 0)
        assert list(sessions.add(visit(at, "google"), moment)) == ["session"]


def test_facts_that_admission_has_not_seen_are_cut_and_only_texts_count() -> None:
    sent = {"source": "x" * 9_999, "medium": 7, "page": "/a", "device": None, "unknown": "y"}
    state, _ = fold([event(START, context={"facts": sent})])
    assert state.sessions.facts("last", START) == SessionFacts(source="x" * 200, entry_page="/a")
    for context in ('{"facts": []}', '{"facts": "x"}', '{"facts": {"source": ""}}', '{"facts": {', "[]"):
        state, _ = fold([event(START, context=context)])
        assert state.sessions.facts("last", START) == SessionFacts()


def test_who_is_in_a_segment_by_a_fact_leaves_it_when_the_session_ends() -> None:
    paid = SessionComparison("current", "channel", (Comparison(Operator.EQUALS, "paid search"),))
    first = SessionComparison("first", "country", (Comparison(Operator.EQUALS, "DE"),))
    program = compile_program(Definitions((Segment("paid", paid), Segment("of germany", first))))
    context = msgspec.structs.replace(CONTEXT, program=program)
    arriving = [
        event(START + 1, context={"facts": {"channel": "paid search"}}),
        event(START, context={"facts": {"channel": "direct", "country": "DE"}}),
        event(START + DAY, context={"facts": {"channel": "paid search"}}),
        event(START + DAY + MINUTE, context={"facts": {"channel": "direct"}}),
    ]
    state, out = fold(arriving, context=context)
    at_rest(state, START + 2 * DAY, context, out)
    changes = transitions(out.segment_changes)
    assert [change for change in changes if change[0] == "paid"] == [
        ("paid", "entered", START + 1),
        ("paid", "exited", START + 1),
        ("paid", "entered", START + DAY),
        ("paid", "exited", START + DAY + MINUTE + SESSION_GAP_MS),
    ]
    assert [change for change in changes if change[0] == "of germany"] == [("of germany", "entered", START + 1)]
