"""Decisions against the naive model: persons, limits, transfers, evidence, repetition."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.decision import Decision
from identity.rules import IdentityRules
from schemas.records import Identifier, IdentityChange, Link, ProfileCommand, Transfer
from tests.identity.deciding import AT, PLAIN, PLAIN_NAMESPACES, Graph, Table, kinds, outcomes, plain, profile_of, sent
from tests.oracle.identities import seen_together, without_devices

SMALL = plain(max_identifiers=4)
U1, U2 = Identifier("user_id", "u1"), Identifier("user_id", "u2")
EMAIL, COOKIE = Identifier("email", "e@example.org"), Identifier("cookie", "c")
A1, A2 = Identifier("anonymous_id", "a1"), Identifier("anonymous_id", "a2")

POOL = [Identifier(namespace, f"{n}") for namespace in ("user_id", "email", "cookie", "anonymous_id") for n in range(4)]
togethers = st.lists(st.lists(st.sampled_from(POOL), min_size=1, max_size=5).map(PLAIN.usable), max_size=25)
unlimited = st.lists(st.lists(st.sampled_from(POOL[4:]), min_size=1, max_size=3).map(PLAIN.usable), max_size=15)


def _run(requests: Sequence[tuple[Identifier, ...]], rules: IdentityRules = PLAIN) -> Graph:
    graph = Graph(rules)
    for identifiers in requests:
        graph.together(*identifiers)
    return graph


def _components(graph: Graph) -> set[bytes]:
    return {key for key in graph.table if key.startswith(b"main|component|")}


def _transfer(old: Identifier, new: Identifier, moved: tuple[Identifier, ...], decision: int) -> ProfileCommand:
    return ProfileCommand.of("main", profile_of(old), Transfer(decision, profile_of(new), moved, canonical=new))


def _transfers(graph: Graph) -> list[tuple[str, Transfer]]:
    return [transfer for decision in graph.decisions for transfer in sent(decision, Transfer)]


def test_two_never_linked_identifiers_are_united_under_the_stronger() -> None:
    decision = Graph().together(U1, A1, message_id="m1")

    assert decision == Decision(
        links=[Link("main", U1, A1, "m1", "shop", AT, PLAIN.version, decision=1)],
        commands=[_transfer(A1, U1, (A1,), 1)],
        changes=[
            IdentityChange(
                "main", 1, "merged", AT, message_id="m1", source="shop", rule_version=PLAIN.version,
                identifiers=(U1, A1), retired=(profile_of(A1),), profile_id=profile_of(U1),
            )
        ],
        merged=1,
    )  # fmt: skip


def test_a_component_that_gets_a_stronger_identifier_moves_as_a_whole() -> None:
    graph = Graph()
    graph.together(COOKIE, A1)

    assert graph.together(EMAIL, A1).commands == [_transfer(COOKIE, EMAIL, (COOKIE, A1), 2)]


def test_a_request_can_unite_several_components_under_one_decision() -> None:
    graph = Graph()
    graph.together(COOKIE, A1)
    decision = graph.together(U1, EMAIL, A1, A2)

    assert decision.merged == 3
    assert decision.commands == [
        _transfer(EMAIL, U1, (EMAIL,), 2),
        _transfer(COOKIE, U1, (COOKIE, A1), 2),
        _transfer(A2, U1, (A2,), 2),
    ]


def test_a_component_that_moved_leaves_nothing_behind() -> None:
    graph = Graph()
    graph.together(COOKIE, A1)
    graph.together(EMAIL, A1)
    at_once = Graph()
    at_once.together(EMAIL, COOKIE, A1)

    assert _components(graph) == _components(at_once) == {b"main|component|email:e@example.org"}


def test_one_person_has_one_user_id() -> None:
    graph = Graph()
    graph.together(U1, EMAIL)
    decision = graph.together(U2, EMAIL)

    assert (decision.merged, decision.count("refused"), decision.commands) == (0, 1, [])
    assert kinds(decision) == ["refused"]
    assert [(link.status, link.reason, link.decision) for link in decision.links] == [("refused", "limit:user_id", 2)]
    assert graph.canonical_of(EMAIL) == U1
    assert graph.canonical_of(U2) == U2


def test_two_user_ids_of_one_event_stay_apart() -> None:
    graph = Graph()

    assert graph.together(U1, U2, A1).count("refused") == 2
    assert graph.canonical_of(A1) == A1


def test_what_is_stronger_than_the_dropped_identifier_is_united() -> None:
    graph = Graph()
    graph.together(U2, COOKIE)
    decision = graph.together(U1, EMAIL, COOKIE)

    assert outcomes(decision) == [(EMAIL, "active", ""), (COOKIE, "refused", "limit:user_id")]
    assert graph.canonical_of(EMAIL) == U1


def test_a_dropped_identifier_that_belongs_already_is_no_refusal() -> None:
    graph = Graph()
    graph.together(U1, A1)
    graph.together(U2, EMAIL)
    decision = graph.together(U1, EMAIL, A1)

    assert outcomes(decision) == [(EMAIL, "refused", "limit:user_id")]


def test_a_refused_pair_can_be_united_later() -> None:
    graph = Graph()
    graph.together(U2, EMAIL)
    assert graph.together(U1, EMAIL, A1).count("refused") == 2
    decision = graph.together(U1, A1)

    assert outcomes(decision) == [(A1, "active", "")]
    assert graph.canonical_of(A1) == U1


def test_a_component_at_its_cap_takes_nothing_more() -> None:
    graph = Graph(SMALL)
    graph.together(U1, EMAIL, COOKIE, A1)
    decision = graph.together(U1, A2)

    assert outcomes(decision) == [(A2, "waiting", "cap:identifiers")]
    assert kinds(decision) == ["quarantined"]
    assert graph.canonical_of(A2) == A2


def test_more_evidence_inside_a_component_is_a_link_and_moves_nothing() -> None:
    graph = Graph()
    graph.together(U1, EMAIL)
    graph.together(U1, A1)
    decision = graph.together(EMAIL, A1)

    assert [(link.left, link.right, link.decision) for link in decision.links] == [(EMAIL, A1, 3)]
    assert decision.commands == []


def test_workspaces_know_nothing_of_each_other() -> None:
    table = Table()
    first, second = Graph(table=table, workspace="first"), Graph(table=table, workspace="second")
    first.together(U1, A1)
    second.together(U2, A1)

    assert (first.canonical_of(A1), second.canonical_of(A1)) == (U1, U2)
    assert [link.decision for link in first.links + second.links] == [1, 1]


@pytest.mark.parametrize("value", ["a:b|c", "main|member|user_id:x", "Ünïcode 漢字", "😀", "x" * 512])
def test_values_cannot_break_out_of_their_key(value: str) -> None:
    graph = Graph()
    odd = Identifier("email", value)
    graph.together(U1, odd, A1)

    assert graph.canonical_of(odd) == U1
    assert graph.component(U1).identifiers == (U1, odd, A1)


@given(togethers)
def test_persons_are_those_of_the_model(requests: list[tuple[Identifier, ...]]) -> None:
    graph, model = _run(requests, SMALL), without_devices(PLAIN_NAMESPACES, max_size=4)
    for identifiers in requests:
        model.decide(seen_together(identifiers))

    assert graph.canonicals(POOL) == {identifier: model.canonical_of(identifier) for identifier in POOL}
    for identifier, canonical in graph.canonicals(POOL).items():
        members = graph.component(canonical).identifiers
        assert members == tuple(sorted(model.person_of(identifier), key=PLAIN.rank))


@given(togethers)
def test_repeating_all_requests_writes_nothing(requests: list[tuple[Identifier, ...]]) -> None:
    graph = Graph(SMALL)
    for identifiers in requests:
        graph.together(*identifiers)
        writes = graph.table.writes
        assert graph.together(*identifiers) == Decision()
        assert graph.table.writes == writes


@given(togethers)
def test_the_newest_transfer_of_each_identifier_ends_at_its_persons_profile(
    requests: list[tuple[Identifier, ...]],
) -> None:
    graph = _run(requests, SMALL)
    routes = {identifier: profile_of(identifier) for identifier in POOL}
    for _, transfer in _transfers(graph):
        routes |= dict.fromkeys(transfer.identifiers, transfer.target)

    assert routes == {identifier: profile_of(graph.canonical_of(identifier)) for identifier in POOL}


@given(togethers)
def test_a_profile_gives_way_once_and_only_to_a_stronger_one(requests: list[tuple[Identifier, ...]]) -> None:
    strengths = {profile_of(identifier): PLAIN.rank(identifier) for identifier in POOL}
    graph = _run(requests, SMALL)
    origins = [profile_id for profile_id, _ in _transfers(graph)]

    assert len(origins) == len(set(origins)) == len(graph.commands)
    for profile_id, transfer in _transfers(graph):
        assert strengths[transfer.target] < strengths[profile_id]
        assert profile_of(transfer.identifiers[0]) == profile_id


@given(togethers)
def test_decisions_are_numbered_without_gap_and_each_number_is_of_one_request(
    requests: list[tuple[Identifier, ...]],
) -> None:
    decisions = [decision for decision in _run(requests, SMALL).decisions if decision.links]

    for number, decision in enumerate(decisions, start=1):
        assert {link.decision for link in decision.links} == {number}
        assert {transfer.decision for _, transfer in sent(decision, Transfer)} <= {number}


@given(togethers)
def test_active_links_alone_explain_the_persons(requests: list[tuple[Identifier, ...]]) -> None:
    graph, explained = _run(requests, SMALL), without_devices(PLAIN_NAMESPACES)
    for link in graph.links:
        if link.status == "active":
            explained.decide(seen_together((link.left, link.right)))

    assert graph.canonicals(POOL) == {identifier: explained.canonical_of(identifier) for identifier in POOL}


@given(unlimited, st.randoms(use_true_random=False))
def test_without_limits_the_order_of_requests_does_not_matter(
    requests: list[tuple[Identifier, ...]], random: Random
) -> None:
    shuffled = list(requests)
    random.shuffle(shuffled)

    assert _run(requests).canonicals(POOL) == _run(shuffled).canonicals(POOL)
