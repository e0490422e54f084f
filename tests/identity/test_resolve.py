"""Routing by one entry: default ids, new pairs, routes by decision."""

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.entries import IdentifierEntry
from identity.resolve import MAX_PAIRED, Resolved, apply_route, resolve
from identity.rules import DEFAULT_RULES
from schemas.identity import default_profile_id
from schemas.records import Identifier, Route

NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
USER = Identifier("user_id", "u1")
EMAIL = Identifier("email", "u1@example.org")
DEVICE = Identifier("anonymous_id", "a1")
ELSEWHERE = "3f0e7a52-54a8-5b7e-8f2f-0d9d1d4f3c11"


def _route(decision: int, profile_id: str = ELSEWHERE) -> Route:
    return Route("main", USER.namespace, USER.value, profile_id, decision)


def test_a_lone_identifier_goes_to_its_default_profile_and_leaves_nothing_to_store() -> None:
    assert resolve(None, (DEVICE,), "shop", NAMESPACE) == Resolved(default_profile_id(NAMESPACE, DEVICE))


def test_a_routed_identifier_goes_where_its_route_says() -> None:
    entry = IdentifierEntry(ELSEWHERE, 4)

    assert resolve(entry, (USER,), "shop", NAMESPACE) == Resolved(ELSEWHERE)


def test_new_pairs_are_requested_once() -> None:
    first = resolve(None, (USER, EMAIL), "shop", NAMESPACE)
    assert first.requested == (EMAIL,)
    second = resolve(first.changed, (USER, EMAIL, DEVICE), "shop", NAMESPACE)
    assert second.requested == (DEVICE,)
    third = resolve(second.changed, (USER, EMAIL, DEVICE), "shop", NAMESPACE)
    assert third == Resolved(default_profile_id(NAMESPACE, USER))


def test_each_source_is_requested_by_itself() -> None:
    entry = resolve(None, (USER, EMAIL), "shop", NAMESPACE).changed

    assert resolve(entry, (USER, EMAIL), "crm", NAMESPACE).requested == (EMAIL,)


def test_a_request_keeps_the_route() -> None:
    changed = resolve(IdentifierEntry(ELSEWHERE, 4), (USER, EMAIL), "shop", NAMESPACE).changed

    assert changed is not None
    assert (changed.profile_id, changed.decision) == (ELSEWHERE, 4)


def test_the_oldest_pairs_fall_out_of_a_full_entry() -> None:
    devices = [Identifier("anonymous_id", f"a{number}") for number in range(MAX_PAIRED + 1)]
    entry: IdentifierEntry | None = None
    for device in devices:
        entry = resolve(entry, (USER, device), "shop", NAMESPACE).changed

    assert entry is not None
    assert len(entry.paired) == MAX_PAIRED * 8
    assert resolve(entry, (USER, devices[0]), "shop", NAMESPACE).requested == (devices[0],)
    assert all(resolve(entry, (USER, device), "shop", NAMESPACE).requested == () for device in devices[1:])


def test_a_pair_is_requested_again_in_other_company_and_when_a_period_has_moved_on() -> None:
    crowd = resolve(None, (USER, EMAIL, DEVICE), "shop", NAMESPACE)
    assert crowd.requested == (EMAIL, DEVICE)
    assert resolve(crowd.changed, (USER, EMAIL, DEVICE), "shop", NAMESPACE).requested == ()
    alone = resolve(crowd.changed, (USER, DEVICE), "shop", NAMESPACE)
    assert alone.requested == (DEVICE,)
    assert resolve(alone.changed, (USER, DEVICE), "shop", NAMESPACE).requested == ()
    assert resolve(alone.changed, (USER, DEVICE), "shop", NAMESPACE, epoch=1).requested == (DEVICE,)


def test_what_is_known_is_requested_again_on_demand_in_order() -> None:
    paired = resolve(None, (USER, EMAIL, DEVICE), "shop", NAMESPACE).changed
    for entry in (paired, None):
        assert resolve(entry, (USER, EMAIL, DEVICE), "shop", NAMESPACE, request_all=True).requested == (EMAIL, DEVICE)
    assert resolve(None, (USER,), "shop", NAMESPACE, request_all=True).requested == ()


@given(st.lists(st.integers(0, 400), min_size=1, max_size=300))
def test_what_was_requested_is_exactly_what_was_seen(numbers: list[int]) -> None:
    entry: IdentifierEntry | None = None
    requested: list[Identifier] = []
    for number in numbers:
        resolved = resolve(entry, (USER, Identifier("cookie", str(number))), "shop", NAMESPACE)
        requested += resolved.requested
        entry = resolved.changed or entry

    assert requested == [Identifier("cookie", str(number)) for number in dict.fromkeys(numbers)]


def test_a_hash_found_across_two_others_is_no_pair() -> None:
    entry = resolve(None, (USER, EMAIL), "shop", NAMESPACE).changed
    assert entry is not None
    straddling = IdentifierEntry(paired=b"\0\0\0" + entry.paired + b"\0\0\0\0\0")

    assert resolve(straddling, (USER, EMAIL), "shop", NAMESPACE).requested == (EMAIL,)


@given(st.permutations(range(1, 6)))
def test_routes_in_any_order_leave_the_highest_decision(decisions: list[int]) -> None:
    entry: IdentifierEntry | None = None
    for decision in decisions:
        entry = apply_route(entry, _route(decision, f"profile {decision}"))

    assert entry == IdentifierEntry("profile 5", 5)


def test_a_route_of_the_same_decision_changes_nothing() -> None:
    entry = IdentifierEntry("first", 5, b"12345678")

    assert apply_route(entry, _route(5, "second")) == entry


def test_a_route_keeps_the_pairs() -> None:
    entry = resolve(None, (USER, EMAIL), "shop", NAMESPACE).changed

    assert resolve(apply_route(entry, _route(1)), (USER, EMAIL), "shop", NAMESPACE) == Resolved(ELSEWHERE)


@pytest.mark.parametrize("decision", [1, 4, 9])
def test_a_route_that_reopens_lets_all_pairs_be_requested_again_whatever_its_age(decision: int) -> None:
    paired = resolve(IdentifierEntry("here", 4), (USER, EMAIL, DEVICE), "shop", NAMESPACE).changed

    entry = apply_route(paired, msgspec.structs.replace(_route(decision), reopen=True))

    assert resolve(entry, (USER, EMAIL, DEVICE), "shop", NAMESPACE).requested == (EMAIL, DEVICE)
    assert entry.profile_id == (ELSEWHERE if decision > 4 else "here")


def test_a_route_without_a_profile_only_reopens() -> None:
    paired = resolve(IdentifierEntry("here", 4), (USER, EMAIL), "shop", NAMESPACE).changed

    assert apply_route(paired, msgspec.structs.replace(_route(7, ""), reopen=True)) == IdentifierEntry("here", 4)


def test_usable_identifiers_are_what_resolve_expects() -> None:
    assert DEFAULT_RULES.usable([DEVICE, EMAIL, USER])[0] == USER
