"""The reference against cases computed by hand: what it gets wrong, the oracle would take for right."""

import json
import uuid
from collections.abc import Callable

import msgspec
import pytest

from schemas.records import Event, Identifier, IdentityRequest
from tests.oracle import identities
from tests.oracle.reference import SESSION_GAP_MS, Facts, Segment, World, recompute, sessions, traits
from tests.oracle.segments import FREQUENT_WITHIN_MS, HOUR_MS, SEGMENTS, at_least
from tests.oracle.stream import PHASE_ENDS, deliveries, device, email, user

NAMESPACE = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
AT = 1_000_000_000
WORKSPACE = "main"


def seen(message_id: str, at: int, *identifiers: Identifier, name: str = "Home", **parts: object) -> Event:
    event = Event(WORKSPACE, "web", message_id, "track", name, at, None, at, identifiers or (device("a"),))
    return msgspec.structs.replace(event, **parts)


def facts(*times: int, at: int, name: str = "Product Viewed") -> Facts:
    return Facts({}, [seen(str(number), time, name=name) for number, time in enumerate(times)], at)


def as_sets(components: list[frozenset[Identifier]]) -> set[frozenset[str]]:
    return {frozenset(map(str, component)) for component in components}


def test_linked_identifiers_are_one_person_across_requests() -> None:
    requests = [(user("u"), device("a")), (email("e"), device("b")), (user("u"), email("e"))]
    assert as_sets(identities.persons(requests)) == {
        frozenset({"user_id:u", "anonymous_id:a", "email:e", "anonymous_id:b"})
    }


def test_a_device_on_which_a_second_user_signs_in_is_nobodys() -> None:
    requests = [(user("u1"), email("e"), device("a")), (user("u2"), device("a")), (user("u1"), device("a"))]
    assert as_sets(identities.persons(requests)) == {
        frozenset({"user_id:u1", "email:e"}),
        frozenset({"user_id:u2"}),
        frozenset({"anonymous_id:a"}),
    }


def test_what_is_split_off_goes_its_own_way_with_what_only_it_was_tied_to() -> None:
    seen_together = [(user("u"), email("e")), (email("e"), device("a")), (user("u"), device("b"))]
    order = IdentityRequest("main", "", "operator", 0, (user("u"), email("e")), "unmerge", forbid=True)
    again = (user("u"), email("e"))
    assert as_sets(identities.persons([*seen_together, order, again])) == {
        frozenset({"user_id:u", "anonymous_id:b"}),
        frozenset({"email:e", "anonymous_id:a"}),
    }


def test_on_a_conflict_the_weakest_identifiers_are_left_out_until_the_rest_fits() -> None:
    taken = (user("u1"), email("shared"))
    requests = [taken, (user("u2"), email("shared"), device("free")), (user("u3"), email("own"), device("free"))]
    assert as_sets(identities.persons(requests)) == {
        frozenset({"user_id:u1", "email:shared"}),
        frozenset({"user_id:u2"}),
        frozenset({"user_id:u3", "email:own", "anonymous_id:free"}),
    }


def test_a_bridge_between_two_users_leaves_the_second_device_to_nobody() -> None:
    requests = [
        (user("u1"), device("a")),
        (user("u2"), device("b")),
        (email("e"), device("a")),
        (email("e"), device("b")),
    ]
    assert as_sets(identities.persons(requests)) == {
        frozenset({"user_id:u1", "email:e", "anonymous_id:a"}),
        frozenset({"user_id:u2"}),
        frozenset({"anonymous_id:b"}),
    }


def test_the_profile_id_is_the_version_5_uuid_of_the_strongest_identifier() -> None:
    members = [device("a"), user("u2"), email("e"), user("u1")]
    assert identities.profile_id(NAMESPACE, members) == str(uuid.uuid5(NAMESPACE, "user_id:u1"))


@pytest.mark.parametrize(
    ("gap_ms", "expected"), [(SESSION_GAP_MS - 1, [2]), (SESSION_GAP_MS, [1, 1]), (SESSION_GAP_MS + 1, [1, 1])]
)
def test_a_gap_of_exactly_the_length_starts_a_new_session(gap_ms: int, expected: list[int]) -> None:
    visits = sessions([seen("2", AT + gap_ms), seen("1", AT)], AT + gap_ms)
    assert [visit.events for visit in visits] == expected


@pytest.mark.parametrize(("after_ms", "status"), [(SESSION_GAP_MS - 1, "open"), (SESSION_GAP_MS, "closed")])
def test_a_session_is_closed_when_the_gap_reaches_its_length(after_ms: int, status: str) -> None:
    assert sessions([seen("1", AT)], AT + after_ms)[0].status == status


def test_a_session_is_entered_by_its_first_event_that_has_an_address() -> None:
    events = [
        seen("4", AT + 3, type="page", properties='{"url": "/late"}'),
        seen("3", AT + 2, context='{"page": {"url": "/first"}}'),
        seen("2", AT + 1, properties='{"url": "/no-page"}'),
        seen("1", AT),
    ]
    assert sessions(events, AT + 3)[0].entry_url == "/first"


def written(message_id: str, at: int, source: str = "web", **values: object) -> Event:
    return seen(message_id, at, type="identify", event=None, source=source, traits=json.dumps(values))


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (written("a", 2, plan="newer"), written("b", 1, plan="older"), "newer"),
        (written("a", 1, "crm", plan="trusted"), written("b", 1, plan="web"), "trusted"),
        (written("a", 1, plan="smaller id"), written("b", 1, plan="greater id"), "greater id"),
    ],
    ids=["time", "source", "message id"],
)
def test_the_last_write_of_a_trait_wins_by(first: Event, second: Event, winner: str) -> None:
    for events in ([first, second], [second, first]):
        assert traits(events, {"crm": 5}) == {"plan": winner}


def test_a_null_unsets_a_trait_and_other_calls_write_none() -> None:
    track = seen("3", 3, traits='{"plan": "not from a track"}')
    assert traits([written("1", 1, plan="free", age=0), written("2", 2, plan=None), track], {}) == {"age": 0}


@pytest.mark.parametrize(("oldest", "holds"), [(AT - FREQUENT_WITHIN_MS, False), (AT - FREQUENT_WITHIN_MS + 1, True)])
def test_an_event_leaves_a_window_exactly_when_it_is_as_old_as_the_window(oldest: int, holds: bool) -> None:
    assert SEGMENTS["frequent"](facts(oldest, AT, AT, AT, AT, at=AT)) is holds


def test_a_window_holds_the_event_of_this_moment_and_none_of_the_future() -> None:
    once = at_least(1, "track", "Product Viewed", HOUR_MS)
    assert once(facts(AT, at=AT))
    assert not once(facts(AT + 1, at=AT))
    assert not SEGMENTS["quiet"](facts(AT, at=AT))
    assert SEGMENTS["quiet"](facts(AT - HOUR_MS, at=AT))


def test_only_events_of_the_kind_count() -> None:
    page = seen("1", AT, name="Product Viewed", type="page")
    assert not at_least(1, "track", "Product Viewed", HOUR_MS)(Facts({}, [page], AT))


@pytest.mark.parametrize(
    ("total", "counts"), [(100, True), (99.99, False), ("250", False), (None, False), (True, False)]
)
def test_only_numbers_are_big_spendings(total: object, counts: bool) -> None:
    orders = [
        seen(str(number), AT, name="Order Completed", properties=json.dumps({"total": total})) for number in (1, 2)
    ]
    assert SEGMENTS["big_spender"](Facts({}, orders, AT)) is counts


@pytest.mark.parametrize(
    ("segment", "holds"),
    [
        ("vip_or_busy", lambda: {"plan": "vip"}),
        ("grown_up_in_beijing", lambda: {"city": "北京", "age": 18}),
        ("to_be_written_to", lambda: {"address": {"city": "上海"}}),
    ],
)
def test_traits_alone_can_make_a_member(segment: str, holds: Callable[[], dict[str, object]]) -> None:
    predicate: Segment = SEGMENTS[segment]
    assert predicate(Facts(holds(), [], AT))
    assert not predicate(Facts(holds() | {"plan": "free", "age": "18", "newsletter": False}, [], AT))


def test_a_person_is_all_events_of_all_identifiers_each_message_once() -> None:
    events = [
        seen("1", AT, device("a")),
        seen("2", AT + 5, user("u"), device("a"), type="page", event=None),
        seen("1", AT, device("a"), received_at=AT + 9),
        seen("3", AT, device("other")),
    ]
    people = recompute(events, [(user("u"), device("a"))], World(NAMESPACE, {}, {"all": lambda _: True}), AT + 5)
    person = people.pop(str(uuid.uuid5(NAMESPACE, "user_id:u")))
    assert (person.events, person.counters, person.message_ids) == (2, {"Home": 1, "page": 1}, frozenset({"1", "2"}))
    assert (person.first_seen_at, person.last_seen_at, person.segments) == (AT, AT + 5, frozenset({"all"}))
    assert list(people) == [str(uuid.uuid5(NAMESPACE, "anonymous_id:other"))]


def test_the_stream_holds_what_it_promises() -> None:
    stream = deliveries(1, WORKSPACE)
    assert stream == deliveries(1, WORKSPACE)
    assert stream != deliveries(2, WORKSPACE)
    message_ids = [delivery.event.message_id for delivery in stream]
    assert len(set(message_ids)) < len(message_ids)
    delays = [delivery.event.received_at - delivery.event.occurred_at for delivery in stream]
    assert min(delays) == 0
    assert HOUR_MS < max(delays) < 24 * HOUR_MS
    last_people = recompute(
        [delivery.event for delivery in stream],
        [delivery.event.identifiers for delivery in stream],
        World(NAMESPACE, {}, SEGMENTS),
        PHASE_ENDS[-1],
    ).values()
    assert set(SEGMENTS) == {segment for person in last_people for segment in person.segments}
    assert max(len(person.identifiers) for person in last_people) >= 4
