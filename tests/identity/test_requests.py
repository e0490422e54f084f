"""Unmerge and retract: what comes apart, what is published, and what stays as it was."""

from collections import Counter

import msgspec
import pytest

from identity.decision import Decision
from schemas.records import Claim, Claimant, Identifier, Pair, ProfileCommand, Rebuild, Route, Transfer
from tests.identity.deciding import PLAIN, Graph, kinds, outcomes, profile_of, sent

U1, U2 = Identifier("user_id", "u1"), Identifier("user_id", "u2")
EMAIL, COOKIE = Identifier("email", "e@example.org"), Identifier("cookie", "c")
A1, A2, A3 = (Identifier("anonymous_id", f"a{number}") for number in (1, 2, 3))


def _family() -> Graph:
    """U1 - EMAIL - A1 - A2, and U1 - COOKIE - A2: a ring."""
    graph = Graph()
    for left, right in ((U1, EMAIL), (EMAIL, A1), (A1, A2), (U1, COOKIE), (COOKIE, A2)):
        graph.together(left, right)
    return graph


def _is_nothing(decision: Decision, graph: Graph, writes: int) -> bool:
    return (
        kinds(decision) == ["nothing"]
        and (decision.links, decision.commands, decision.routes) == ([], [], [])
        and graph.table.writes == writes
    )


def _check_unmerged(decision: Decision, before: tuple[Identifier, ...]) -> None:
    """Check what a decision that unmerges a component must publish, whatever the pieces are."""
    [change] = [change for change in decision.changes if change.claimants]
    claimed = Counter(
        Identifier(claim.namespace, claim.value) for claimant in change.claimants for claim in claimant.claims
    )
    assert claimed == Counter(before), "the claims cover the old component"
    rebuilds, transfers = dict(sent(decision, Rebuild)), dict(sent(decision, Transfer))
    assert len(rebuilds) + len(transfers) == len(decision.commands) == len(before)
    assert {claimant.profile_id for claimant in change.claimants} == rebuilds.keys()
    profile_ids: dict[Identifier, str] = {}
    for claimant in change.claimants:
        rebuild = rebuilds[claimant.profile_id]
        assert rebuild.identifiers == tuple(Identifier(claim.namespace, claim.value) for claim in claimant.claims)
        assert profile_of(rebuild.identifiers[0]) == claimant.profile_id
        for identifier in rebuild.identifiers[1:]:
            assert transfers[profile_of(identifier)].target == claimant.profile_id
            assert transfers[profile_of(identifier)].identifiers == (identifier,)
            assert transfers[profile_of(identifier)].outdates
        profile_ids |= dict.fromkeys(rebuild.identifiers, claimant.profile_id)
    assert {Identifier(route.namespace, route.value): route.profile_id for route in decision.routes} == profile_ids
    assert len(decision.routes) == len(before)
    ends = {end for link in decision.links if link.status == "retracted" for end in (link.left, link.right)}
    assert {Identifier(route.namespace, route.value) for route in decision.routes if route.reopen} == ends
    assert {rebuild.decision for rebuild in rebuilds.values()} | {
        transfer.decision for transfer in transfers.values()
    } == {change.decision}
    assert (
        {route.decision for route in decision.routes} == {link.decision for link in decision.links} == {change.decision}
    )


def test_an_unmerge_in_full() -> None:
    graph = Graph()
    graph.together(U1, EMAIL, message_id="m1")
    graph.together(EMAIL, A1, message_id="m2")
    decision = graph.unmerge(U1, A1)

    [link] = decision.links
    assert (link.left, link.right, link.message_id, link.source) == (EMAIL, A1, "m2", "shop")
    assert (link.status, link.reason, link.request_id, link.decision) == ("retracted", "unmerged", "request 2", 3)
    assert decision.commands == [
        ProfileCommand.of("main", profile_of(U1), Rebuild(3, identifiers=(U1, EMAIL), apart=(A1,))),
        ProfileCommand.of(
            "main", profile_of(EMAIL), Transfer(3, target=profile_of(U1), identifiers=(EMAIL,), outdates=True)
        ),
        ProfileCommand.of("main", profile_of(A1), Rebuild(3, identifiers=(A1,), apart=(U1, EMAIL))),
    ]
    assert decision.routes == [
        Route("main", "user_id", "u1", profile_of(U1), 3),
        Route("main", "email", "e@example.org", profile_of(U1), 3, reopen=True),
        Route("main", "anonymous_id", "a1", profile_of(A1), 3, reopen=True),
    ]
    [change] = decision.changes
    assert (change.kind, change.decision, change.identifiers) == ("unmerged", 3, (U1, A1))
    assert (change.profile_id, change.reason, change.request_id) == (profile_of(U1), "it was wrong", "request 2")
    assert change.claimants == (
        Claimant(profile_of(U1), (Claim("user_id", "u1"), Claim("email", "e@example.org"))),
        Claimant(profile_of(A1), (Claim("anonymous_id", "a1"),)),
    )


def test_several_identifiers_go_together_and_keep_their_own_links() -> None:
    graph = _family()
    before = graph.component(U1).identifiers
    decision = graph.unmerge(U1, A1, A2)

    assert graph.component(A1).identifiers == (A1, A2)
    assert graph.component(U1).identifiers == (U1, EMAIL, COOKIE)
    assert graph.evidence(A1, A2) == [("shop", "active", "")]
    _check_unmerged(decision, before)


def test_what_only_the_split_tied_to_the_anchor_goes_with_it() -> None:
    graph = Graph()
    graph.together(U1, EMAIL)
    graph.together(EMAIL, A1)
    before = graph.component(U1).identifiers
    decision = graph.unmerge(U1, EMAIL)

    assert [graph.component(identifier).identifiers for identifier in (U1, EMAIL)] == [(U1,), (EMAIL, A1)]
    _check_unmerged(decision, before)


def test_the_canonical_identifier_itself_can_be_split_off() -> None:
    graph = _family()
    before = graph.component(U1).identifiers
    decision = graph.unmerge(A2, U1)

    assert graph.component(U1).identifiers == (U1,)
    assert graph.component(A2).identifiers == (EMAIL, COOKIE, A1, A2)
    _check_unmerged(decision, before)


@pytest.mark.parametrize("named", [(U1,), (U1, U1), (U1, U2), (U1, A1, U2), (U1, A1, U1), (A3, A2), (A3, A3)])
def test_an_unmerge_of_what_is_not_merged_says_so_and_writes_nothing(named: tuple[Identifier, ...]) -> None:
    graph = _family()
    writes = graph.table.writes

    assert _is_nothing(graph.unmerge(*named), graph, writes)
    assert graph.changes[-1].identifiers == named
    assert graph.changes[-1].decision == 5


def test_a_request_that_is_repeated_writes_nothing() -> None:
    graph = _family()
    graph.unmerge(U1, A1, A2)
    writes = graph.table.writes
    assert _is_nothing(graph.unmerge(U1, A1, A2), graph, writes)
    graph.retract(Pair(U1, EMAIL))
    writes = graph.table.writes
    assert _is_nothing(graph.retract(Pair(U1, EMAIL)), graph, writes)


def test_a_request_of_an_unknown_kind_changes_nothing() -> None:
    graph = _family()
    writes = graph.table.writes

    assert _is_nothing(graph.by_operator("unknown", (U1, A1)), graph, writes)


def test_the_same_evidence_again_links_again() -> None:
    graph = _family()
    before = graph.component(U1).identifiers
    graph.unmerge(U1, EMAIL, A1)
    graph.together(EMAIL, U1)
    graph.together(A1, A2)

    assert graph.component(U1).identifiers == before


def test_what_was_forbidden_is_not_linked_again() -> None:
    graph = _family()
    decision = graph.unmerge(U1, EMAIL, A1, forbid=True)
    assert {reason for _, _, reason in outcomes(decision)} == {"forbidden"}

    assert outcomes(graph.together(U1, EMAIL)) == [(EMAIL, "refused", "forbidden")]
    assert outcomes(graph.together(U1, EMAIL, source="crm")) == [(EMAIL, "refused", "forbidden")]
    assert outcomes(graph.together(A1, A2)) == [(A2, "refused", "forbidden")]


def test_what_was_forbidden_holds_over_other_paths() -> None:
    graph = Graph()
    graph.together(U1, EMAIL)
    graph.unmerge(U1, EMAIL, forbid=True)
    graph.together(EMAIL, A1)
    graph.together(U1, A2)

    assert outcomes(graph.together(A1, A2)) == [(A2, "refused", "forbidden")]
    assert not graph.are_one(U1, EMAIL)


@pytest.mark.parametrize("named", [U1, EMAIL])
def test_an_unmerge_forbids_the_anchor_and_whoever_tied_the_two(named: Identifier) -> None:
    graph = Graph()
    graph.together(U1, EMAIL)
    graph.together(EMAIL, A1)
    graph.unmerge(U1, A1, forbid=True)
    graph.unmerge(U1, EMAIL)

    assert outcomes(graph.together(named, A1)) == [(A1, "refused", "forbidden")]


def test_a_refusal_over_another_path_ends_with_that_path() -> None:
    graph = Graph()
    graph.together(U1, EMAIL)
    graph.unmerge(U1, EMAIL, forbid=True)
    graph.together(EMAIL, A1)
    assert outcomes(graph.together(U1, A1)) == [(A1, "refused", "forbidden")]
    graph.unmerge(EMAIL, A1)

    assert outcomes(graph.together(U1, A1)) == [(A1, "active", "")]


def test_a_pair_that_is_forbidden_while_other_evidence_ties_it_ends_with_that_evidence() -> None:
    graph = Graph()
    graph.together(U1, EMAIL)
    graph.together(EMAIL, A1)
    graph.together(U1, A1)
    graph.retract(Pair(U1, A1), forbid=True)
    assert graph.are_one(U1, A1)
    assert outcomes(graph.together(U1, A1)) == [(A1, "refused", "forbidden")]
    graph.retract(Pair(EMAIL, A1))

    assert not graph.are_one(U1, A1)
    assert outcomes(graph.together(EMAIL, A1)) == [(A1, "refused", "forbidden")]


def test_a_pair_that_is_forbidden_keeps_what_another_source_shows_until_it_is_taken_back() -> None:
    graph = Graph()
    graph.together(U1, EMAIL, source="shop")
    graph.together(U1, EMAIL, source="crm")
    graph.retract(Pair(U1, EMAIL, "shop"), forbid=True)
    graph.together(U1, EMAIL, source="shop")
    assert graph.together(U1, EMAIL, source="crm").links == []

    assert graph.evidence(U1, EMAIL) == [("shop", "refused", "forbidden"), ("crm", "active", "")]
    assert graph.ledger.links.near(U1) == (EMAIL,)


def test_taking_one_of_two_sources_back_changes_nothing_but_the_evidence() -> None:
    graph = Graph()
    graph.together(U1, EMAIL, source="shop")
    graph.together(U1, EMAIL, source="crm")
    decision = graph.retract(Pair(EMAIL, U1, "shop"))

    assert graph.evidence(U1, EMAIL) == [("shop", "retracted", "retracted"), ("crm", "active", "")]
    assert decision.commands == []
    assert [change.claimants for change in decision.changes] == [()]
    assert decision.routes == [
        Route("main", "user_id", "u1", "", 3, reopen=True),
        Route("main", "email", "e@example.org", "", 3, reopen=True),
    ]
    assert graph.are_one(U1, EMAIL)


def test_taking_the_last_source_back_unmerges() -> None:
    graph = Graph()
    graph.together(U1, EMAIL, source="shop")
    graph.together(U1, EMAIL, source="crm")
    graph.retract(Pair(U1, EMAIL, "shop"))
    decision = graph.retract(Pair(U1, EMAIL, "crm"))

    assert not graph.are_one(U1, EMAIL)
    _check_unmerged(decision, (U1, EMAIL))


def test_taking_all_sources_of_a_pair_back_at_once_unmerges() -> None:
    graph = Graph()
    graph.together(U1, EMAIL, source="shop")
    graph.together(U1, EMAIL, source="crm")
    decision = graph.retract(Pair(U1, EMAIL))

    assert {link.source for link in decision.links} == {"shop", "crm"}
    _check_unmerged(decision, (U1, EMAIL))


def test_a_source_that_showed_nothing_cannot_be_taken_back() -> None:
    graph = Graph()
    graph.together(U1, EMAIL, source="shop")
    writes = graph.table.writes

    assert _is_nothing(graph.retract(Pair(U1, EMAIL, "crm"), Pair(U1, A1)), graph, writes)


def test_an_edge_of_a_ring_can_go_without_an_unmerge() -> None:
    graph = _family()
    decision = graph.retract(Pair(U1, EMAIL))

    assert decision.commands == []
    assert len(graph.component(U1).members) == 5


def test_each_component_that_comes_apart_has_a_decision_of_its_own() -> None:
    graph = Graph()
    graph.together(U1, A1)
    graph.together(U2, A2)
    decision = graph.retract(Pair(U1, A1), Pair(U2, A2))

    assert [(change.kind, change.decision) for change in decision.changes] == [("unmerged", 3), ("unmerged", 4)]
    assert [change.identifiers for change in decision.changes] == [(U1, A1), (U2, A2)]
    for change in decision.changes:
        rebuilt = {profile_id for profile_id, rebuild in sent(decision, Rebuild) if rebuild.decision == change.decision}
        assert rebuilt == set(map(profile_of, change.identifiers))
        assert {link.left for link in decision.links if link.decision == change.decision} == {change.identifiers[0]}


def test_a_person_can_fall_into_many_pieces_at_once() -> None:
    graph = _family()
    before = graph.component(U1).identifiers
    pairs = [Pair(U1, EMAIL), Pair(U1, COOKIE), Pair(A1, A2)]
    decision = graph.retract(*pairs)

    assert sorted(claimant.profile_id for claimant in decision.changes[0].claimants) == sorted(
        map(profile_of, (U1, EMAIL, COOKIE))
    )
    _check_unmerged(decision, before)


@pytest.mark.parametrize("caps", [{"max_identifiers": 3}, {"max_merges": 2}])
def test_an_unmerged_person_can_take_in_as_much_as_a_new_one(caps: dict[str, int]) -> None:
    graph = Graph(msgspec.structs.replace(PLAIN, **caps))
    graph.together(U1, EMAIL)
    graph.together(U1, A1)
    graph.unmerge(U1, A1)

    assert outcomes(graph.together(U1, A2)) == [(A2, "active", "")]


def test_each_source_leaves_evidence_of_its_own() -> None:
    graph = Graph()
    graph.together(U1, EMAIL, source="shop", message_id="m1")
    again = graph.together(U1, EMAIL, source="crm", message_id="m2")

    assert [(link.source, link.message_id, link.status) for link in again.links] == [("crm", "m2", "active")]
    assert again.commands == []
    assert graph.evidence(U1, EMAIL) == [("shop", "active", ""), ("crm", "active", "")]
