"""Merge by hand, allow, unshare, and waiting evidence that is taken back: what each ties, reopens and rebuilds."""

import msgspec
import pytest

from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.changes import requires_rebuild
from schemas.records import Attribute, Claim, Identifier, Pair, Rebuild, Transfer
from tests.identity.deciding import AT, PLAIN, Graph, device_profile_of, kinds, outcomes, profile_of, sent

ANN, BEN = Identifier("user_id", "ann"), Identifier("user_id", "ben")
MAIL, OTHER_MAIL = Identifier("email", "ann@example.org"), Identifier("email", "a@example.org")
PHONE = Identifier("phone", "+4930123456")
TABLET, MOBILE = Identifier("anonymous_id", "tablet"), Identifier("anonymous_id", "mobile")
CROWDED = IdentityRules(DEFAULT_RULES.namespaces, max_fan_in=1)
ATTRIBUTED = IdentityRules(
    tuple(
        msgspec.structs.replace(rule, shared="last_login") if rule.kind == "device" else rule
        for rule in DEFAULT_RULES.namespaces
    )
)


def _routes(graph: Graph) -> dict[Identifier, bool]:
    """Return who was routed or reopened by the last decision, and whether it was reopened."""
    return {Identifier(route.namespace, route.value): route.reopen for route in graph.decisions[-1].routes}


# -- merge by hand


def test_two_whom_no_event_shows_together_become_one_by_the_operators_evidence() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, MAIL)
    graph.together(PHONE, MOBILE)
    decision = graph.merge(Pair(PHONE, ANN))

    assert graph.component(PHONE).identifiers == (ANN, PHONE, MAIL, MOBILE)
    [link] = decision.links
    assert (link.left, link.right, link.source, link.status) == (ANN, PHONE, "operator", "active")
    assert (link.request_id, link.message_id, link.rule_version) == ("request 2", "", DEFAULT_RULES.version)
    assert sent(decision, Transfer) == [
        (profile_of(PHONE), Transfer(3, target=profile_of(ANN), identifiers=(PHONE, MOBILE), canonical=ANN))
    ]
    [change] = decision.changes
    assert (change.kind, change.identifiers, change.reason) == ("merged", (ANN, PHONE), "it was wrong")
    assert (change.request_id, change.profile_id, change.retired) == (
        "request 2",
        profile_of(ANN),
        (profile_of(PHONE),),
    )


@pytest.mark.parametrize(
    ("rules", "pair", "reason"),
    [
        (DEFAULT_RULES, Pair(ANN, BEN), "limit:user_id"),
        (DEFAULT_RULES, Pair(MAIL, BEN), "limit:user_id"),
        (DEFAULT_RULES, Pair(BEN, TABLET), "limit:user_id"),
        (DEFAULT_RULES, Pair(OTHER_MAIL, TABLET), "veto:email"),
        (DEFAULT_RULES, Pair(ANN, ANN), "user_id:ann is one person with itself"),
    ],
)
def test_what_refuses_a_merge_is_the_answer_and_is_not_kept(rules: IdentityRules, pair: Pair, reason: str) -> None:
    graph = Graph(rules)
    graph.together(ANN, MAIL, TABLET)
    writes = graph.table.writes
    decision = graph.merge(pair)

    assert (kinds(decision), decision.links, decision.commands) == (["nothing"], [], [])
    assert decision.changes[0].reason == reason
    assert graph.table.writes == writes
    assert not graph.ledger.devices.is_shared(TABLET)


def test_a_merge_overrules_what_would_wait_for_a_review() -> None:
    graph = Graph(msgspec.structs.replace(CROWDED, max_identifiers=2))
    graph.together(ANN, MAIL)
    graph.merge(Pair(MAIL, PHONE))

    assert graph.are_one(ANN, PHONE)


def test_what_is_forbidden_or_shared_is_not_merged() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, MAIL)
    graph.unmerge(ANN, MAIL, forbid=True)
    graph.together(ANN, TABLET)
    graph.together(BEN, TABLET)

    assert [graph.merge(Pair(ANN, other)).changes[0].reason for other in (MAIL, TABLET)] == ["forbidden", "shared"]


def test_a_pair_that_fits_only_after_the_next_one_is_merged_in_the_same_request() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, MAIL, TABLET)
    graph.merge(Pair(OTHER_MAIL, TABLET), Pair(ANN, OTHER_MAIL))

    assert graph.are_one(ANN, OTHER_MAIL)
    assert graph.evidence(OTHER_MAIL, TABLET) == [("operator", "active", "")]
    assert kinds(graph.merge(Pair(OTHER_MAIL, TABLET), Pair(ANN, OTHER_MAIL))) == ["nothing", "nothing"]


def test_a_merge_of_one_person_holds_when_what_else_ties_the_two_is_taken_back() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, MAIL)
    decision = graph.merge(Pair(ANN, MAIL))
    assert (kinds(decision), decision.commands, decision.changes[0].retired) == (["merged"], [], ())

    graph.retract(Pair(ANN, MAIL, "shop"))
    assert graph.are_one(ANN, MAIL)
    graph.retract(Pair(ANN, MAIL, "operator"))
    assert not graph.are_one(ANN, MAIL)


def test_a_merge_that_is_repeated_changes_nothing_until_it_is_undone() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.merge(Pair(ANN, MAIL))
    writes = graph.table.writes
    assert kinds(graph.merge(Pair(MAIL, ANN))) == ["nothing"]
    assert graph.table.writes == writes
    graph.unmerge(ANN, MAIL)

    assert kinds(graph.merge(Pair(ANN, MAIL))) == ["merged"]
    assert graph.evidence(ANN, MAIL) == [("operator", "active", "")]


# -- allow


def test_what_an_unmerge_forbade_is_allowed_with_all_its_pairs() -> None:
    graph = Graph()
    graph.together(ANN, MAIL)
    graph.together(ANN, TABLET)
    graph.together(MAIL, TABLET)
    graph.unmerge(ANN, TABLET, forbid=True)
    assert outcomes(graph.together(MAIL, TABLET)) == [(TABLET, "refused", "forbidden")]
    decision = graph.allow(Pair(ANN, TABLET))

    assert decision.commands == []
    [change] = decision.changes
    assert (change.kind, change.reason) == ("allowed", "it was wrong")
    assert {frozenset(change.identifiers[start : start + 2]) for start in (0, 2)} == {
        frozenset((ANN, TABLET)),
        frozenset((MAIL, TABLET)),
    }
    assert graph.evidence(ANN, TABLET) == [("shop", "retracted", "retracted")]
    assert graph.evidence(MAIL, TABLET) == [("shop", "retracted", "allowed")]
    assert _routes(graph) == {ANN: True, MAIL: True, TABLET: True}
    assert not graph.are_one(ANN, TABLET)
    assert outcomes(graph.together(MAIL, TABLET)) == [(TABLET, "active", "")]
    assert graph.are_one(ANN, TABLET)


def test_what_was_refused_waits_again_when_it_is_next_seen() -> None:
    graph = Graph(CROWDED)
    graph.together(PHONE, MAIL)
    graph.together(PHONE, OTHER_MAIL)
    graph.refuse(Pair(PHONE, OTHER_MAIL))
    assert outcomes(graph.together(PHONE, OTHER_MAIL, source="crm")) == [(OTHER_MAIL, "refused", "forbidden")]
    assert kinds(graph.allow(Pair(OTHER_MAIL, PHONE))) == ["allowed"]

    assert outcomes(graph.together(PHONE, OTHER_MAIL)) == [(OTHER_MAIL, "waiting", "fan_in")]
    graph.accept(Pair(PHONE, OTHER_MAIL))
    assert graph.are_one(PHONE, OTHER_MAIL)


def test_what_was_refused_can_be_merged_once_it_is_allowed() -> None:
    graph = Graph(CROWDED)
    graph.together(PHONE, MAIL)
    graph.together(PHONE, OTHER_MAIL)
    graph.refuse(Pair(PHONE, OTHER_MAIL))
    assert graph.merge(Pair(PHONE, OTHER_MAIL)).changes[0].reason == "forbidden"
    graph.allow(Pair(PHONE, OTHER_MAIL))
    graph.merge(Pair(PHONE, OTHER_MAIL))

    assert graph.are_one(PHONE, OTHER_MAIL, MAIL)


def test_within_one_person_the_pair_itself_is_allowed() -> None:
    graph = Graph()
    graph.together(ANN, MAIL)
    graph.together(ANN, TABLET)
    graph.together(MAIL, TABLET)
    graph.retract(Pair(ANN, TABLET), forbid=True)
    assert kinds(graph.allow(Pair(MAIL, TABLET))) == ["nothing"]
    assert kinds(graph.allow(Pair(ANN, TABLET))) == ["allowed"]

    assert outcomes(graph.together(ANN, TABLET)) == [(TABLET, "active", "")]


def test_nothing_is_left_of_what_was_allowed() -> None:
    graph = Graph()
    graph.together(ANN, MAIL)
    graph.unmerge(ANN, MAIL, forbid=True)
    graph.allow(Pair(ANN, MAIL))
    writes = graph.table.writes

    assert kinds(graph.allow(Pair(ANN, MAIL))) == ["nothing"]
    assert graph.table.writes == writes
    assert not [key for key in graph.table if b"|component|" in key]


def test_what_others_keep_apart_stays_apart() -> None:
    graph = Graph(PLAIN)
    graph.together(ANN, MAIL)
    graph.together(ANN, TABLET)
    graph.unmerge(ANN, MAIL, forbid=True)
    graph.unmerge(ANN, TABLET, forbid=True)
    graph.allow(Pair(ANN, MAIL))

    assert outcomes(graph.together(ANN, MAIL)) == [(MAIL, "active", "")]
    assert outcomes(graph.together(ANN, TABLET)) == [(TABLET, "refused", "forbidden")]


# -- unshare


def test_a_device_that_is_unshared_gets_its_own_profile_back_and_its_links() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, TABLET)
    graph.together(BEN, TABLET)
    decision = graph.by_operator("unshare", (TABLET,))

    number = graph.ledger.last_decision() - 1
    change, merged = decision.changes
    assert (merged.kind, merged.identifiers, merged.decision) == ("merged", (ANN, TABLET), number + 1)
    assert graph.evidence(ANN, TABLET) == [("shop", "active", "")]
    assert graph.evidence(BEN, TABLET) == [("shop", "refused", "shared")]
    assert graph.component(TABLET).identifiers == (ANN, TABLET)
    assert (change.kind, change.identifiers, change.decision) == ("unshared", (TABLET,), number)
    assert requires_rebuild(change)
    assert [(claimant.profile_id, claimant.claims) for claimant in change.claimants] == [
        (profile_of(TABLET), (Claim("anonymous_id", "tablet"),))
    ]
    assert sent(decision, Rebuild) == [(profile_of(TABLET), Rebuild(number, identifiers=(TABLET,)))]
    assert sent(decision, Transfer) == [
        (
            device_profile_of(TABLET),
            Transfer(number, target=profile_of(TABLET), identifiers=(TABLET,), outdates=True),
        ),
        (profile_of(TABLET), Transfer(number + 1, profile_of(ANN), (TABLET,), canonical=ANN)),
    ]
    assert _routes(graph) == {BEN: True, TABLET: True}
    assert kinds(graph.by_operator("unshare", (TABLET,))) == ["nothing"]


def test_links_that_do_not_fit_any_more_are_not_put_back() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, TABLET)
    graph.together(MAIL, TABLET)
    graph.together(BEN, MAIL, TABLET)
    assert graph.are_one(BEN, MAIL)
    graph.by_operator("unshare", (TABLET,))

    assert graph.component(TABLET).identifiers == (ANN, TABLET)
    assert graph.evidence(MAIL, TABLET)[0][1] == "retracted"


def test_what_was_seen_again_while_it_was_shared_is_put_back_too_but_not_what_an_operator_took_back() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, TABLET, source="web")
    graph.retract(Pair(ANN, TABLET, "web"))
    graph.together(ANN, TABLET, source="shop")
    graph.together(BEN, TABLET)
    graph.together(ANN, TABLET, source="shop")
    assert graph.evidence(ANN, TABLET) == [("web", "retracted", "retracted"), ("shop", "refused", "shared")]
    graph.by_operator("unshare", (TABLET,))

    assert graph.evidence(ANN, TABLET) == [("web", "retracted", "retracted"), ("shop", "active", "")]


def test_a_second_sign_in_shares_it_again_and_the_links_are_known_again() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, TABLET)
    graph.together(BEN, TABLET)
    graph.by_operator("unshare", (TABLET,))
    graph.unmerge(ANN, TABLET)
    assert outcomes(graph.together(BEN, TABLET)) == [(TABLET, "active", "")]
    graph.together(ANN, TABLET, source="crm")

    assert graph.ledger.devices.is_shared(TABLET)
    assert graph.component(TABLET).identifiers == (TABLET,)
    graph.by_operator("unshare", (TABLET,))
    assert graph.are_one(BEN, TABLET)


def test_those_who_owned_events_of_it_are_rebuilt_without_them() -> None:
    graph = Graph(ATTRIBUTED)
    graph.sign_in(ANN, TABLET, at=AT)
    graph.sign_in(BEN, TABLET, at=AT + 5)
    graph.sign_in(BEN, MOBILE, at=AT + 6)
    decision = graph.by_operator("unshare", (TABLET,))

    number = decision.changes[0].decision
    assert graph.are_one(ANN, TABLET)
    assert dict(sent(decision, Rebuild)) == {
        profile_of(TABLET): Rebuild(number, identifiers=(TABLET,)),
        profile_of(ANN): Rebuild(number, identifiers=(ANN,), reattributed=(TABLET,)),
        profile_of(BEN): Rebuild(number, identifiers=(BEN, MOBILE), reattributed=(TABLET,)),
    }
    assert sent(decision, Attribute) == []
    claims = {claimant.profile_id: claimant.claims for claimant in decision.changes[0].claimants}
    assert claims[profile_of(ANN)] == (Claim("user_id", "ann"),)
    assert decision.changes[0].identifiers == (TABLET, ANN, BEN)


# -- waiting evidence


def test_waiting_evidence_of_a_source_that_is_taken_back_waits_no_more() -> None:
    graph = Graph(CROWDED)
    graph.together(PHONE, MAIL, source="crm")
    graph.together(PHONE, OTHER_MAIL, source="crm")
    decision = graph.retract(Pair(PHONE, OTHER_MAIL, "crm"))

    assert graph.evidence(PHONE, OTHER_MAIL) == [("crm", "retracted", "retracted")]
    assert (kinds(decision), decision.commands) == (["unmerged"], [])
    assert not requires_rebuild(decision.changes[0])
    assert _routes(graph) == {PHONE: True, OTHER_MAIL: True}
    assert kinds(graph.accept(Pair(PHONE, OTHER_MAIL))) == ["nothing"]


def test_what_another_source_shows_still_waits() -> None:
    graph = Graph(CROWDED)
    graph.together(PHONE, MAIL, source="crm")
    graph.together(PHONE, OTHER_MAIL, source="crm")
    graph.together(PHONE, OTHER_MAIL, source="web")
    graph.retract(Pair(PHONE, OTHER_MAIL, "crm"))
    graph.accept(Pair(PHONE, OTHER_MAIL))

    assert graph.evidence(PHONE, OTHER_MAIL) == [("crm", "retracted", "retracted"), ("web", "active", "")]


def test_evidence_in_force_and_waiting_evidence_of_a_person_are_taken_back_at_once() -> None:
    graph = Graph(CROWDED)
    graph.together(PHONE, MAIL, source="crm")
    graph.together(PHONE, OTHER_MAIL, source="crm")
    decision = graph.retract(Pair(PHONE, MAIL, "crm"), Pair(PHONE, OTHER_MAIL, "crm"))

    assert len(decision.changes) == 1
    assert {link.status for link in decision.links} == {"retracted"}
    assert {profile_id for profile_id, _ in sent(decision, Rebuild)} == {profile_of(PHONE), profile_of(MAIL)}
    assert _routes(graph)[OTHER_MAIL]
