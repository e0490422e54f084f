"""Limits, vetoes, caps and fan-in: what GRAPH does not link, and what it says instead."""

import pytest

from identity.rules import DEFAULT_RULES, IdentityRules, Namespace
from schemas.records import Identifier, Pair, Transfer
from tests.identity.deciding import AT, Graph, kinds, outcomes, profile_of, sent

DAY = 24 * 3600 * 1000
U1, U2 = Identifier("user_id", "abc123"), Identifier("user_id", "abc456")
JANE, JOHN, JUNE = (Identifier("email", f"{name}@example.org") for name in ("jane", "john", "june"))
PHONE, OTHER_PHONE = Identifier("phone", "+8613800000001"), Identifier("phone", "+8613800000002")
EXTERNAL = Identifier("external_id", "x1")


def _rules(*namespaces: Namespace, **caps: int) -> IdentityRules:
    return IdentityRules(namespaces, **caps)  # type: ignore[arg-type]


ONE_EMAIL_A_DAY = _rules(Namespace("user_id"), Namespace("email", limit=1, period_ms=DAY))


def test_segments_published_example() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(U1, JANE)
    decision = graph.together(U2, JANE)

    assert outcomes(decision) == [(JANE, "refused", "limit:user_id")]
    assert kinds(decision) == ["refused"]
    assert decision.commands == []
    assert graph.are_one(U1, JANE)
    assert graph.component(U2).identifiers == (U2,)


def test_a_limit_for_ever_counts_all_values() -> None:
    graph = Graph(_rules(Namespace("user_id"), Namespace("email", limit=2)))
    for number, email in enumerate((JANE, JOHN, JUNE)):
        graph.together(U1, email, at=AT + number * 10_000 * DAY)

    assert graph.evidence(U1, JUNE) == [("shop", "refused", "limit:email")]
    assert graph.component(U1).identifiers == (U1, JANE, JOHN)


@pytest.mark.parametrize(("later", "status"), [(DAY - 1, "refused"), (DAY, "active")])
def test_a_sliding_limit_counts_the_values_of_its_period(later: int, status: str) -> None:
    graph = Graph(ONE_EMAIL_A_DAY)
    graph.together(U1, JANE, at=AT)
    graph.together(U1, JOHN, at=AT + later)

    assert [shown for _, shown, _ in graph.evidence(U1, JOHN)] == [status]


def test_a_sliding_limit_holds_when_two_profiles_merge() -> None:
    graph = Graph(ONE_EMAIL_A_DAY)
    graph.together(U1, JANE, at=AT)
    graph.together(U2, JOHN, at=AT)

    assert outcomes(graph.together(U1, U2, at=AT + DAY - 1)) == [(U2, "refused", "limit:email")]
    assert outcomes(graph.together(U1, U2, at=AT + DAY)) == [(U2, "active", "")]


def test_a_value_that_was_forbidden_alone_is_counted_from_then_on() -> None:
    graph = Graph(ONE_EMAIL_A_DAY)
    graph.together(U1, JANE, at=AT)
    graph.unmerge(U1, JANE, forbid=True)
    graph.together(U2, JANE, at=AT + 1)

    assert outcomes(graph.together(U2, JOHN, at=AT + 2)) == [(JOHN, "refused", "limit:email")]


def test_two_values_of_a_unique_namespace_veto_a_merge_whatever_its_limit() -> None:
    graph = Graph(_rules(Namespace("user_id"), Namespace("phone", limit=5, unique=True)))
    graph.together(U1, PHONE)

    assert outcomes(graph.together(U1, OTHER_PHONE)) == [(OTHER_PHONE, "refused", "veto:phone")]


def test_the_weakest_is_dropped_until_the_rest_fits() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(U1, JANE)
    decision = graph.together(U2, PHONE, JANE, EXTERNAL)

    assert outcomes(decision) == [
        (PHONE, "active", ""), (JANE, "refused", "limit:user_id"), (EXTERNAL, "refused", "limit:user_id")
    ]  # fmt: skip
    assert kinds(decision) == ["merged", "refused"]
    assert graph.component(U2).identifiers == (U2, PHONE)
    assert graph.component(EXTERNAL).identifiers == (EXTERNAL,)


def test_a_refusal_tells_which_profile_the_event_went_to() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(U1, JANE)
    [change] = graph.together(U2, JANE).changes

    assert (change.profile_id, change.identifiers, change.reason) == (profile_of(U2), (U2, JANE), "limit:user_id")


CAPPED = [
    (_rules(Namespace("user_id"), Namespace("email"), max_identifiers=2), "cap:identifiers"),
    (_rules(Namespace("user_id"), Namespace("email"), max_merges=1), "cap:merges"),
    (_rules(Namespace("user_id"), Namespace("email"), max_fan_in=1), "fan_in"),
]


@pytest.mark.parametrize(("rules", "reason"), CAPPED)
def test_what_is_too_much_waits_for_a_review(rules: IdentityRules, reason: str) -> None:
    graph = Graph(rules)
    graph.together(U1, JANE)
    decision = graph.together(U1, JOHN)

    assert outcomes(decision) == [(JOHN, "waiting", reason)]
    assert kinds(decision) == ["quarantined"]
    assert (decision.changes[0].reason, decision.changes[0].identifiers) == (reason, (U1, JOHN))
    assert (decision.commands, decision.routes) == ([], [])
    assert not graph.are_one(U1, JOHN)


@pytest.mark.parametrize(("rules", "reason"), CAPPED)
def test_what_waits_is_linked_when_it_is_accepted(rules: IdentityRules, reason: str) -> None:
    graph = Graph(rules)
    graph.together(U1, JANE)
    graph.together(U1, JOHN)
    decision = graph.accept(Pair(U1, JOHN))

    assert outcomes(decision) == [(JOHN, "active", "")], reason
    assert kinds(decision) == ["accepted", "merged"]
    assert len(sent(decision, Transfer)) == len(decision.commands) == 1
    assert {link.request_id for link in decision.links} == {"request 2"}
    assert graph.component(U1).identifiers == (U1, JANE, JOHN)
    assert graph.together(U1, JOHN).links == []


def test_many_share_an_identifier_that_is_not_unique_only_up_to_the_fan_in() -> None:
    graph = Graph(_rules(Namespace("email"), Namespace("phone"), max_fan_in=2))
    assert outcomes(graph.together(JANE, PHONE)) == [(PHONE, "active", "")]
    assert outcomes(graph.together(JOHN, PHONE)) == [(PHONE, "active", "")]
    assert outcomes(graph.together(JUNE, PHONE)) == [(PHONE, "waiting", "fan_in")]


def test_a_unique_identifier_may_have_any_fan_in() -> None:
    graph = Graph(_rules(Namespace("user_id", unique=True), Namespace("phone"), max_fan_in=1))
    graph.together(U1, PHONE)

    assert outcomes(graph.together(U1, OTHER_PHONE)) == [(OTHER_PHONE, "active", "")]


def test_a_limit_holds_against_an_acceptance() -> None:
    graph = Graph(
        _rules(Namespace("user_id", limit=1, unique=True), Namespace("phone"), Namespace("email"), max_fan_in=1)
    )
    graph.together(PHONE, JANE)
    graph.together(PHONE, JOHN)  # waits
    graph.together(U1, JANE)
    graph.accept(Pair(U1, JANE))  # JANE's fan-in was at its end already
    graph.together(U2, JOHN)
    decision = graph.accept(Pair(PHONE, JOHN))

    assert outcomes(decision) == [(JOHN, "refused", "limit:user_id")]
    assert kinds(decision) == ["refused"]
    assert not graph.are_one(PHONE, JOHN)


@pytest.mark.parametrize(("rules", "reason"), CAPPED)
def test_what_is_refused_stays_apart_for_ever(rules: IdentityRules, reason: str) -> None:
    graph = Graph(rules)
    graph.together(U1, JANE)
    graph.together(U1, JOHN)
    decision = graph.refuse(Pair(JOHN, U1))

    assert outcomes(decision) == [(JOHN, "refused", "forbidden")], reason
    assert kinds(decision) == ["refused"]
    assert decision.changes[0].reason == "it was wrong"
    graph.together(U1, JOHN, source="crm")
    graph.together(U1, JOHN)
    assert {(status, why) for _, status, why in graph.evidence(U1, JOHN)} == {("refused", "forbidden")}
    assert kinds(graph.accept(Pair(U1, JOHN))) == ["nothing"]


def test_what_is_refused_is_not_joined_over_a_third_either() -> None:
    graph = Graph(_rules(Namespace("user_id"), Namespace("email"), Namespace("phone"), max_fan_in=1))
    graph.together(U1, JANE)
    graph.together(U1, JOHN)
    graph.refuse(Pair(U1, JOHN))
    graph.together(JOHN, PHONE)

    assert outcomes(graph.together(U2, PHONE, JANE))[0] == (JANE, "waiting", "fan_in")
    assert kinds(graph.accept(Pair(U2, JANE))) == ["accepted", "merged"]
    assert outcomes(graph.accept(Pair(U2, PHONE))) == [(PHONE, "refused", "forbidden")]
    assert not graph.are_one(U1, JOHN)


@pytest.mark.parametrize("kind", ["accept", "refuse"])
def test_a_review_of_what_does_not_wait_changes_nothing(kind: str) -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(U1, JANE)
    writes = graph.table.writes
    decision = graph.by_operator(kind, pairs=(Pair(U1, JANE), Pair(U2, JANE)))  # type: ignore[arg-type]

    assert [(change.kind, change.identifiers, change.reason) for change in decision.changes] == [
        ("nothing", (U1, JANE), f"no link of {U1} and {JANE} waits for a review"),
        ("nothing", (U2, JANE), f"no link of {U2} and {JANE} waits for a review"),
    ]
    assert (decision.links, decision.commands, decision.routes) == ([], [], [])
    assert graph.table.writes == writes


def test_a_pair_that_does_not_wait_is_told_beside_those_that_did() -> None:
    graph = Graph(_rules(Namespace("user_id"), Namespace("email"), max_fan_in=1))
    graph.together(U1, JANE)
    graph.together(U1, JOHN)
    decision = graph.accept(Pair(U1, JANE), Pair(U1, JOHN), Pair(JOHN, U1))

    assert kinds(decision) == ["nothing", "accepted", "merged", "nothing"]


def test_all_sources_that_wait_are_decided_together() -> None:
    graph = Graph(_rules(Namespace("user_id"), Namespace("email"), max_fan_in=1))
    graph.together(U1, JANE)
    graph.together(U1, JOHN, source="shop")
    graph.together(U1, JOHN, source="crm")
    graph.accept(Pair(U1, JOHN))

    assert graph.evidence(U1, JOHN) == [("shop", "active", ""), ("crm", "active", "")]
