"""Random histories of requests: against a naive reference, and what must hold whatever the rules are."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.records import Identifier, IdentityRequest, Link, Pair, RequestKind
from tests.identity.deciding import AT, Graph, plain
from tests.identity.reference import Evidence

pytestmark = pytest.mark.soak(has_short_form=True)

NAMESPACES = ("user_id", "email", "cookie", "anonymous_id")
POOL = [Identifier(namespace, f"{number}x") for namespace in NAMESPACES for number in range(3)]
SMALL = plain(max_identifiers=4)
UNLIMITED = plain(one_user=False)
CROWDED = IdentityRules(DEFAULT_RULES.namespaces, max_identifiers=6, max_merges=5, max_fan_in=3)

Published = dict[tuple[Identifier, Identifier, str], Link]


@st.composite
def requests(draw: st.DrawFn, rules: IdentityRules) -> IdentityRequest:
    """Events three times out of five; those of operators name any identifiers, so that many change nothing."""
    kind: RequestKind = draw(st.sampled_from(("link", "link", "link", "unmerge", "retract", "accept", "reject")))
    named = draw(st.lists(st.sampled_from(POOL), min_size=1 if kind == "link" else 2, max_size=4, unique=True))
    identifiers: tuple[Identifier, ...] = rules.usable(named)
    pairs: tuple[Pair, ...] = ()
    if kind == "unmerge":
        identifiers = tuple(named)
    elif kind != "link":
        identifiers, pairs = (), tuple(_pair(draw, left, right) for left, right in pairwise(named))
    source = draw(st.sampled_from(("shop", "crm"))) if kind == "link" else "operator"
    forbid = kind in {"unmerge", "retract"} and draw(st.integers(0, 3)) == 0
    return IdentityRequest("main", "m", source, AT, identifiers, kind, "", "", forbid, pairs)


def _pair(draw: st.DrawFn, left: Identifier, right: Identifier) -> Pair:
    return Pair(left, right, draw(st.sampled_from(("", "", "shop", "crm"))))


def histories(rules: IdentityRules) -> st.SearchStrategy[list[IdentityRequest]]:
    return st.lists(requests(rules), max_size=30)


meetings = st.lists(st.lists(st.sampled_from(POOL), min_size=1, max_size=3).map(UNLIMITED.usable), max_size=15)


def _near(graph: Graph) -> set[frozenset[Identifier]]:
    return {frozenset((identifier, other)) for identifier in POOL for other in graph.ledger.links.near(identifier)}


def _together(graph: Graph, pairs: set[frozenset[Identifier]]) -> set[frozenset[Identifier]]:
    return {pair for pair in pairs if graph.are_one(*pair)}


@given(histories(SMALL))
def test_any_history_ends_where_the_reference_ends(history: list[IdentityRequest]) -> None:
    graph, reference = Graph(SMALL), Evidence(max_size=4)
    for request in history:
        graph.decide(request)
        reference.decide(request)

        assert graph.canonicals(POOL) == {identifier: reference.canonical_of(identifier) for identifier in POOL}
        assert _near(graph) == reference.active()
        stored = {
            (frozenset((left, right)), source): status
            for left in POOL for right in POOL for source, status, _ in graph.evidence(left, right)
        }  # fmt: skip
        assert stored == reference.status


@given(histories(SMALL))
def test_no_request_brings_together_what_is_forbidden(history: list[IdentityRequest]) -> None:
    graph, reference = Graph(SMALL), Evidence(max_size=4)
    for request in history:
        forbidden, before = set(reference.forbidden), _together(graph, reference.forbidden)
        graph.decide(request)
        reference.decide(request)

        assert _together(graph, forbidden) <= before


def _check(graph: Graph, published: Published) -> None:
    """Check what holds at any time, under any rules."""
    for identifier in POOL:
        component = graph.component(identifier)
        assert identifier in component.identifiers
        assert component.canonical == min(component.identifiers, key=graph.rules.rank) == graph.canonical_of(identifier)
        assert all(graph.component(other) == component for other in component.identifiers if len(component.members) > 1)
        assert len(graph.ledger.links.pieces(component.identifiers)) == 1, (
            "active links alone hold a component together"
        )
        if graph.ledger.devices.is_shared(identifier):
            assert component.identifiers == (identifier,)
            assert graph.ledger.links.near(identifier) == ()
    active = {frozenset((link.left, link.right)) for link in published.values() if link.status == "active"}
    assert _near(graph) == active
    for (left, right, source), link in published.items():
        assert (source, link.status, link.reason) in graph.evidence(left, right)


@given(st.sampled_from((DEFAULT_RULES, CROWDED)).flatmap(lambda rules: st.tuples(st.just(rules), histories(rules))))
def test_whatever_happens_links_hold_persons_together_and_shared_devices_stand_alone(
    given: tuple[IdentityRules, list[IdentityRequest]],
) -> None:
    rules, history = given
    graph, published, last = Graph(rules), Published(), 0
    for request in history:
        before = {graph.component(identifier).identifiers for identifier in POOL}
        decision = graph.decide(request)
        published |= {(link.left, link.right, link.source): link for link in decision.links}
        _check(graph, published)
        for change in decision.changes:
            assert change.decision > last or change.kind == "nothing"
            if change.claimants:
                claimed = [
                    Identifier(claim.namespace, claim.value)
                    for claimant in change.claimants
                    for claim in claimant.claims
                ]
                assert tuple(sorted(claimed, key=rules.rank)) in before or len(decision.changes) > 1
                assert len({claimant.profile_id for claimant in change.claimants}) == len(change.claimants)
        last = max(
            last, *(link.decision for link in decision.links), *(change.decision for change in decision.changes), 0
        )
        assert graph.ledger.last_decision() == last
        assert all(graph.rules.rank(link.left) < graph.rules.rank(link.right) for link in decision.links)


@given(histories(CROWDED))
def test_a_request_or_an_event_that_is_repeated_at_once_writes_nothing(history: list[IdentityRequest]) -> None:
    graph = Graph(CROWDED)
    for request in history:
        graph.decide(request)
        writes = graph.table.writes
        again = graph.decide(request)

        assert (again.links, again.commands, again.routes) == ([], [], [])
        assert {change.kind for change in again.changes} <= {"nothing"}
        assert graph.table.writes == writes


def _run(requests: Sequence[tuple[Identifier, ...]]) -> Graph:
    graph = Graph(UNLIMITED)
    for identifiers in requests:
        graph.together(*identifiers)
    return graph


@given(meetings, st.randoms(use_true_random=False))
def test_merging_is_commutative(met: list[tuple[Identifier, ...]], random: Random) -> None:
    shuffled = list(met)
    random.shuffle(shuffled)

    assert _run(met).canonicals(POOL) == _run(shuffled).canonicals(POOL)


@given(meetings, meetings)
def test_merging_is_associative(first: list[tuple[Identifier, ...]], second: list[tuple[Identifier, ...]]) -> None:
    apart = [graph.component(identifier).identifiers for graph in (_run(first), _run(second)) for identifier in POOL]

    assert _run(first + second).canonicals(POOL) == _run(apart).canonicals(POOL)


@given(meetings)
def test_merging_is_idempotent(met: list[tuple[Identifier, ...]]) -> None:
    assert _run(met).table == _run(met + met).table


@given(meetings, st.lists(st.sampled_from(POOL), min_size=2, max_size=4, unique=True))
def test_unmerge_and_the_same_evidence_again_is_the_same_person(
    met: list[tuple[Identifier, ...]], named: list[Identifier]
) -> None:
    graph = _run(met)
    before = graph.canonicals(POOL)
    graph.unmerge(*named)
    for identifiers in met:
        graph.together(*identifiers)

    assert graph.canonicals(POOL) == before


@given(meetings, st.data())
def test_taking_all_evidence_back_leaves_everybody_alone(
    met: list[tuple[Identifier, ...]], data: st.DataObject
) -> None:
    graph = _run(met)
    pairs = [Pair(*graph.ledger.links.pair(*pair)) for pair in _near(graph)]
    graph.retract(*data.draw(st.permutations(pairs)))

    assert graph.canonicals(POOL) == {identifier: identifier for identifier in POOL}
    assert not [key for key in graph.table if b"|component|" in key or b"|member|" in key or b"|near|" in key]
