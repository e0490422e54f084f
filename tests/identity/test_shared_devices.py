"""Devices on which a second person signs in: they stand alone, and both persons keep what is theirs."""

import msgspec
import pytest

from identity.rules import DEFAULT_RULES, IdentityRules, Namespace
from schemas.records import Claim, Claimant, Identifier, Rebuild, Transfer
from tests.identity.deciding import Graph, Table, device_profile_of, kinds, outcomes, profile_of, sent

ANN, BEN = Identifier("user_id", "ann"), Identifier("user_id", "ben")
ANNS, BENS = Identifier("email", "ann@example.org"), Identifier("email", "ben@example.org")
PHONE = Identifier("phone", "+8613800000001")
TABLET, MOBILE = Identifier("anonymous_id", "tablet"), Identifier("anonymous_id", "mobile")
COOKIE = Identifier("cookie", "c")
DEVICE_FIRST = IdentityRules(tuple(sorted(DEFAULT_RULES.namespaces, key=lambda rule: rule.name != "anonymous_id")))


def _graph() -> Graph:
    """Ann has a tablet and, linked to it, a cookie; her e-mail came with the tablet too."""
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, ANNS, TABLET)
    graph.together(ANNS, TABLET)
    graph.together(COOKIE, TABLET)
    return graph


def test_a_second_sign_in_takes_all_links_of_the_device_back() -> None:
    graph = _graph()
    decision = graph.together(BEN, TABLET)

    retracted = [(link.left, link.right, link.reason) for link in decision.links if link.status == "retracted"]
    assert sorted(retracted) == sorted([(ANN, TABLET, "shared"), (ANNS, TABLET, "shared"), (COOKIE, TABLET, "shared")])
    assert outcomes(decision)[-1] == (TABLET, "refused", "shared")
    assert graph.component(TABLET).identifiers == (TABLET,)
    assert graph.component(BEN).identifiers == (BEN,)
    assert graph.component(ANN).identifiers == (ANN, ANNS)
    assert graph.ledger.devices.is_shared(TABLET)


def test_the_first_person_and_the_device_are_rebuilt_and_the_second_person_is_not() -> None:
    graph = _graph()
    decision = graph.together(BEN, TABLET)

    assert dict(sent(decision, Rebuild)) == {
        profile_of(ANN): Rebuild(4, identifiers=(ANN, ANNS), apart=(COOKIE, TABLET)),
        profile_of(COOKIE): Rebuild(4, identifiers=(COOKIE,), apart=(ANN, ANNS, TABLET)),
        device_profile_of(TABLET): Rebuild(4, identifiers=(TABLET,), apart=(ANN, ANNS, COOKIE)),
    }


def test_the_change_names_the_device_and_the_second_person_and_all_events_are_claimed() -> None:
    graph = _graph()
    change = next(change for change in graph.together(BEN, TABLET).changes if change.kind == "shared")

    assert (change.identifiers, change.reason, change.decision) == ((TABLET, BEN), "shared", 4)
    assert set(change.claimants) == {
        Claimant(profile_of(ANN), (Claim("user_id", "ann"), Claim("email", "ann@example.org"))),
        Claimant(profile_of(COOKIE), (Claim("cookie", "c"),)),
        Claimant(device_profile_of(TABLET), (Claim("anonymous_id", "tablet"),)),
    }


def test_the_second_person_keeps_everything_else_of_the_event() -> None:
    graph = _graph()
    decision = graph.together(BEN, BENS, TABLET, MOBILE)

    assert sorted((str(other), status) for other, status, reason in outcomes(decision) if reason in {"", "shared"}) == [
        ("anonymous_id:mobile", "active"),
        ("anonymous_id:tablet", "refused"),
        ("anonymous_id:tablet", "retracted"),
        ("anonymous_id:tablet", "retracted"),
        ("anonymous_id:tablet", "retracted"),
        ("email:ben@example.org", "active"),
    ]
    assert graph.component(BEN).identifiers == (BEN, BENS, MOBILE)
    merged = next(change for change in decision.changes if change.kind == "merged")
    assert merged.identifiers == (BEN, BENS, MOBILE)


def test_a_second_sign_in_is_seen_even_if_something_stronger_of_the_event_is_dropped() -> None:
    graph = _graph()
    graph.together(BEN, ANNS, TABLET)

    assert graph.evidence(BEN, ANNS) == [("shop", "refused", "limit:user_id")]
    assert graph.ledger.devices.is_shared(TABLET)
    assert graph.component(TABLET).identifiers == (TABLET,)


def test_what_only_the_device_tied_to_the_first_person_is_the_second_ones_to_keep() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, TABLET)
    graph.together(ANNS, TABLET)
    decision = graph.together(BEN, ANNS, TABLET)

    assert kinds(decision) == ["shared", "merged", "refused"]
    assert graph.component(BEN).identifiers == (BEN, ANNS)
    assert graph.together(BEN, ANNS, TABLET).changes == []


def test_what_waits_for_a_review_is_no_second_person() -> None:
    graph = Graph(IdentityRules(DEFAULT_RULES.namespaces, max_fan_in=2))
    graph.together(ANN, ANNS, TABLET)
    graph.together(ANNS, TABLET)
    decision = graph.together(Identifier("email", "abe@example.org"), ANNS, TABLET)

    assert outcomes(decision) == [(ANNS, "waiting", "fan_in"), (TABLET, "waiting", "fan_in")]
    assert not graph.ledger.devices.is_shared(TABLET)


def test_a_shared_device_is_linked_with_nobody_any_more() -> None:
    graph = _graph()
    graph.together(BEN, TABLET)
    decision = graph.together(ANN, TABLET)

    assert outcomes(decision) == [(TABLET, "refused", "shared")]
    assert decision.commands == []
    assert outcomes(graph.together(TABLET, MOBILE)) == [(TABLET, "refused", "shared")]
    assert graph.component(TABLET).identifiers == (TABLET,)


def test_a_device_with_only_an_email_belongs_to_the_user_who_signs_in_without_contradiction() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANNS, TABLET)
    decision = graph.together(ANN, TABLET)

    assert outcomes(decision) == [(TABLET, "active", "")]
    assert graph.component(ANN).identifiers == (ANN, ANNS, TABLET)


@pytest.mark.parametrize("sign_in", [(BENS, TABLET), (BEN, BENS, TABLET)])
def test_a_second_email_on_a_device_is_a_second_person(sign_in: tuple[Identifier, ...]) -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANNS, TABLET)
    graph.together(*sign_in)

    assert graph.ledger.devices.is_shared(TABLET)
    assert graph.component(ANNS).identifiers == (ANNS,)
    assert graph.component(BENS).identifiers == tuple(identifier for identifier in sign_in if identifier != TABLET)


def test_the_same_person_with_another_email_of_his_own_shares_nothing() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, ANNS, TABLET)
    decision = graph.together(ANN, BENS, TABLET)

    assert outcomes(decision) == [(BENS, "active", "")]
    assert not graph.ledger.devices.is_shared(TABLET)


def test_two_devices_that_name_two_persons_are_not_tied_to_each_other() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, COOKIE)
    graph.together(BEN, TABLET)
    decision = graph.together(COOKIE, TABLET)

    assert outcomes(decision) == [(TABLET, "refused", "limit:user_id")]
    assert not graph.ledger.devices.is_shared(TABLET)


def test_two_devices_of_one_sign_in_are_both_shared() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, COOKIE, TABLET)
    decision = graph.together(BEN, COOKIE, TABLET)

    assert kinds(decision) == ["shared", "shared", "refused"]
    assert [change.decision for change in decision.changes] == [2, 3, 4]
    assert [graph.component(identifier).identifiers for identifier in (ANN, COOKIE, TABLET)] == [
        (ANN,),
        (COOKIE,),
        (TABLET,),
    ]


def test_a_repeated_second_sign_in_writes_nothing() -> None:
    graph = _graph()
    graph.together(BEN, BENS, TABLET)
    writes = graph.table.writes
    again = graph.together(BEN, BENS, TABLET)

    assert (again.links, again.commands, again.routes, again.changes) == ([], [], [], [])
    assert graph.table.writes == writes


def test_where_the_first_owner_keeps_a_device_nobody_is_unmerged() -> None:
    graph = Graph(_with_device(shared="first_owner"))
    graph.together(ANN, TABLET)
    decision = graph.together(BEN, BENS, TABLET, MOBILE)

    assert outcomes(decision) == [(BENS, "active", ""), (MOBILE, "active", ""), (TABLET, "refused", "first_owner")]
    assert len(sent(decision, Transfer)) == len(decision.commands)
    assert graph.component(ANN).identifiers == (ANN, TABLET)


def test_a_limit_of_devices_makes_none_of_them_shared() -> None:
    graph = Graph(_with_device(limit=1))
    graph.together(ANN, TABLET)
    graph.together(PHONE, MOBILE)
    decision = graph.together(ANN, MOBILE)

    assert outcomes(decision) == [(MOBILE, "refused", "limit:anonymous_id")]
    assert graph.are_one(PHONE, MOBILE)


def test_a_device_that_ranks_before_persons_is_shared_too() -> None:
    graph = Graph(DEVICE_FIRST)
    graph.together(TABLET, ANN, ANNS)
    decision = graph.together(TABLET, BEN, BENS)

    assert graph.ledger.devices.is_shared(TABLET)
    assert graph.component(TABLET).identifiers == (TABLET,)
    assert graph.component(BEN).identifiers == (BEN, BENS)
    assert "merged" in kinds(decision)


def test_a_person_who_breaks_a_newer_limit_alone_shares_no_device() -> None:
    table = Table()
    loose = Graph(
        IdentityRules(tuple(Namespace(rule.name, rule.kind) for rule in DEVICE_FIRST.namespaces)), table=table
    )
    loose.together(ANN, BEN)
    graph = Graph(DEVICE_FIRST, table=table)

    assert outcomes(graph.together(TABLET, ANN)) == [(ANN, "refused", "limit:user_id")]
    assert not graph.ledger.devices.is_shared(TABLET)


def test_session_and_account_identifiers_are_no_devices() -> None:
    visit = Identifier("session_id", "s1")
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, visit)
    decision = graph.together(BEN, visit)

    assert outcomes(decision) == [(visit, "refused", "limit:user_id")]
    assert graph.are_one(ANN, visit)
    assert DEFAULT_RULES.usable((ANN, Identifier("group_id", "g1"))) == (ANN,)


def _with_device(**fields: object) -> IdentityRules:
    namespaces = tuple(
        msgspec.structs.replace(rule, **fields) if rule.name == "anonymous_id" else rule
        for rule in DEFAULT_RULES.namespaces
    )
    assert Namespace("anonymous_id", kind="device") not in namespaces
    return IdentityRules(namespaces)
