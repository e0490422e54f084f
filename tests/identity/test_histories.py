"""Random histories of requests: against the naive model, and what must hold whatever the rules are."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from identity.decision import Decision
from identity.ownership import SignIns, owners
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.records import Attribute, Identifier, IdentityRequest, Link, Owner, Pair, Rebuild, RequestKind
from tests.identity.deciding import AT, Graph, device_profile_of, plain
from tests.oracle.identities import WhoIsWho, without_devices

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(1_800)]

NAMESPACES = ("user_id", "email", "cookie", "anonymous_id")
POOL = [Identifier(namespace, f"{number}x") for namespace in NAMESPACES for number in range(3)]
NAMED = {str(identifier): identifier for identifier in POOL}
UNLIMITED = plain(one_user=False)
DEVICES = ("cookie", "anonymous_id")
DEVICES_FIRST = IdentityRules(tuple(sorted(DEFAULT_RULES.namespaces, key=lambda rule: rule.name != "anonymous_id")))
CROWDED = IdentityRules(DEFAULT_RULES.namespaces, max_identifiers=6, max_merges=5, max_fan_in=3)
ATTRIBUTED = msgspec.structs.replace(
    CROWDED,
    namespaces=tuple(
        msgspec.structs.replace(rule, shared="last_login") if rule.name in DEVICES else rule
        for rule in DEFAULT_RULES.namespaces
    ),
)

named = st.lists(st.sampled_from(POOL), min_size=2, max_size=4, unique=True)
pairs = st.lists(
    st.builds(
        lambda ends, source: Pair(ends[0], ends[1], source),
        st.lists(st.sampled_from(POOL), min_size=2, max_size=2, unique=True),
        st.sampled_from(("", "", "shop", "crm", "operator")),
    ),
    min_size=1,
    max_size=3,
).map(tuple)
sources = st.sampled_from(("shop", "crm"))
BY_OPERATORS: tuple[RequestKind, ...] = ("unmerge", "retract", "accept", "refuse", "merge", "allow", "unshare")
seldom = st.integers(0, 3).map(lambda number: number == 0)


class Histories(RuleBasedStateMachine):
    """Events of two sources and requests of operators; now and then they name anybody, so that they change nothing."""

    graph: Graph

    def __init__(self) -> None:
        super().__init__()
        self.recorded: set[tuple[Identifier, Identifier]] = set()  # all pairs that evidence was published of

    @rule(identifiers=st.lists(st.sampled_from(POOL), min_size=1, max_size=4, unique=True), source=sources)
    def link(self, identifiers: list[Identifier], source: str) -> None:
        self.decide(IdentityRequest("main", "m", source, AT, self.graph.rules.usable(identifiers)))

    @rule(pair=st.lists(st.sampled_from(POOL), min_size=2, max_size=2, unique=True), source=sources)
    def link_two(self, pair: list[Identifier], source: str) -> None:
        self.decide(IdentityRequest("main", "m", source, AT, self.graph.rules.usable(pair)))

    @rule(identifiers=named, pairs=pairs, kind=st.sampled_from(BY_OPERATORS), forbid=seldom)
    def request_anything(
        self, identifiers: list[Identifier], pairs: tuple[Pair, ...], kind: RequestKind, forbid: bool
    ) -> None:
        self.by_operator(kind, tuple(identifiers), pairs=pairs, forbid=forbid)

    @rule(pairs=pairs)
    def merge(self, pairs: tuple[Pair, ...]) -> None:
        self.by_operator("merge", pairs=pairs)

    @precondition(lambda self: self.persons())
    @rule(data=st.data(), forbid=st.booleans())
    def unmerge(self, data: st.DataObject, forbid: bool) -> None:
        person = st.sampled_from(data.draw(st.sampled_from(self.persons())))
        named = data.draw(st.lists(person, min_size=2, max_size=3, unique=True))
        self.by_operator("unmerge", tuple(named), forbid=forbid)

    @precondition(lambda self: self.with_status("active"))
    @rule(data=st.data(), source=st.sampled_from(("", "shop", "crm", "operator")), forbid=seldom)
    def retract(self, data: st.DataObject, source: str, forbid: bool) -> None:
        pair = data.draw(st.sampled_from(self.with_status("active")))
        self.by_operator("retract", pairs=(Pair(pair.left, pair.right, source),), forbid=forbid)

    @precondition(lambda self: self.shared())
    @rule(data=st.data())
    def unshare(self, data: st.DataObject) -> None:
        self.by_operator("unshare", (data.draw(st.sampled_from(self.shared())),))

    @precondition(lambda self: self.forbidden())
    @rule(data=st.data())
    def allow(self, data: st.DataObject) -> None:
        self.by_operator("allow", pairs=(data.draw(st.sampled_from(self.forbidden())),))

    @precondition(lambda self: self.forbidden())
    @rule(data=st.data(), source=sources)
    def see_what_is_forbidden(self, data: st.DataObject, source: str) -> None:
        pair = data.draw(st.sampled_from(self.forbidden()))
        self.decide(IdentityRequest("main", "m", source, AT, self.graph.rules.usable((pair.left, pair.right))))

    @precondition(lambda self: self.with_status("waiting"))
    @rule(data=st.data(), kind=st.sampled_from(("accept", "refuse", "retract")))
    def decide_what_waits(self, data: st.DataObject, kind: RequestKind) -> None:
        self.by_operator(kind, pairs=(data.draw(st.sampled_from(self.with_status("waiting"))),))

    def by_operator(
        self,
        kind: RequestKind,
        identifiers: tuple[Identifier, ...] = (),
        *,
        pairs: tuple[Pair, ...] = (),
        forbid: bool = False,
    ) -> None:
        self.decide(IdentityRequest("main", "", "operator", AT, identifiers, kind, forbid=forbid, pairs=pairs))

    def decide(self, request: IdentityRequest) -> None:
        self.decided(request)

    def decided(self, request: IdentityRequest) -> Decision:
        """GRAPH's decision, whose evidence is remembered."""
        decision = self.graph.decide(request)
        self.recorded |= {(link.left, link.right) for link in decision.links}
        return decision

    def shared(self) -> list[Identifier]:
        """The devices that are shared."""
        return [device for device in POOL if self.graph.ledger.devices.is_shared(device)]

    def forbidden(self) -> list[Pair]:
        """The pairs that must never become one person."""
        apart = [pair for left in POOL for pair in self.graph.component(left).apart if pair[0] == str(left)]
        return [Pair(NAMED[left], NAMED[right]) for left, right in apart if left < right]

    def persons(self) -> list[tuple[Identifier, ...]]:
        """The persons with several identifiers."""
        persons = dict.fromkeys(self.graph.component(identifier).identifiers for identifier in POOL)
        return [person for person in persons if len(person) > 1]

    def with_status(self, sought: str) -> list[Pair]:
        """The pairs of which some evidence has a status."""
        return [
            Pair(left, right)
            for left, right in sorted(self.recorded)
            if any(status == sought for _, status, _ in self.graph.evidence(left, right))
        ]

    def near(self) -> set[frozenset[Identifier]]:
        """The pairs that active links tie."""
        return {
            frozenset((identifier, other)) for identifier in POOL for other in self.graph.ledger.links.near(identifier)
        }


class HistoriesLikeTheModel(Histories):
    """Whatever is requested, GRAPH ends where the naive model ends, and forbidden pairs are never brought together."""

    model: WhoIsWho

    @initialize(max_size=st.sampled_from((4, 1_000)))
    def begin_without_devices(self, max_size: int) -> None:
        self.graph = Graph(plain(max_identifiers=max_size))
        self.model = without_devices(NAMESPACES, max_size=max_size)

    def decide(self, request: IdentityRequest) -> None:
        forbidden, before = set(self.model.forbidden), self._together(self.model.forbidden)
        self.decided(request)
        self.model.decide(request)
        assert self._together(forbidden) <= before

    def _together(self, pairs: set[frozenset[Identifier]]) -> set[frozenset[Identifier]]:
        return {pair for pair in pairs if self.graph.are_one(*pair)}

    @invariant()
    def persons_and_evidence_are_those_of_the_model(self) -> None:
        assert self.graph.canonicals(POOL) == {identifier: self.model.canonical_of(identifier) for identifier in POOL}
        assert self.near() == self.model.evidence.keys()
        assert self.status(self.recorded) == self.model.status
        assert set(self.shared()) == self.model.shared
        assert {frozenset((pair.left, pair.right)) for pair in self.forbidden()} == self.model.forbidden
        assert {device for device in POOL if self.graph.ledger.devices.untied(device)} <= self.model.shared

    def teardown(self) -> None:
        if hasattr(self, "graph"):
            assert self.status(combinations(POOL, 2)) == self.model.status

    def status(self, pairs: Iterable[tuple[Identifier, Identifier]]) -> dict[tuple[frozenset[Identifier], str], str]:
        """What became of the evidence of pairs, by pair and source."""
        return {(frozenset(pair), source): status for pair in pairs for source, status, _ in self.graph.evidence(*pair)}


class HistoriesOfDevicesLikeTheModel(HistoriesLikeTheModel):
    """The same with devices, on which several persons sign in."""

    @initialize(max_size=st.sampled_from((5, 1_000)), devices_first=st.booleans())
    def begin_without_devices(self, max_size: int, devices_first: bool = False) -> None:
        rules = DEVICES_FIRST if devices_first else DEFAULT_RULES
        self.graph = Graph(msgspec.structs.replace(rules, max_identifiers=max_size))
        namespaces = tuple(rule.name for rule in rules.namespaces)
        self.model = WhoIsWho(namespaces, {"user_id": 1, "email": 5}, devices=DEVICES, max_size=max_size)


class HistoriesUnderAnyRules(Histories):
    """Links hold persons together, shared devices stand alone, and what is repeated at once writes nothing."""

    @initialize(rules=st.sampled_from((DEFAULT_RULES, DEVICES_FIRST, CROWDED, ATTRIBUTED)))
    def begin(self, rules: IdentityRules) -> None:
        self.graph = Graph(rules)
        self.published: dict[tuple[Identifier, Identifier, str], Link] = {}
        self.owners: dict[Identifier, SignIns] = {}  # of each device, as they were published
        self.commanded: dict[str, SignIns] = {}  # of the profile of each device
        self.last_decision = 0

    @rule(identifiers=named, at=st.integers(AT - 5, AT + 5))
    def sign_in(self, identifiers: list[Identifier], at: int) -> None:
        usable = self.graph.rules.usable(identifiers)
        self.decide(IdentityRequest("main", "m", "shop", at, usable, signed_in=True))

    def decide(self, request: IdentityRequest) -> None:
        before = {self.graph.component(identifier).identifiers for identifier in POOL}
        decision = self.decided(request)
        self.published |= {(link.left, link.right, link.source): link for link in decision.links}
        self._follow_owners(decision)
        self._check_numbers(decision)
        self._check_claims(decision, before)
        writes = self.graph.table.writes
        again = self.graph.decide(request)
        assert (again.links, again.commands, again.routes) == ([], [], [])
        assert {change.kind for change in again.changes} <= {"nothing"}
        if self.graph.rules is not ATTRIBUTED:  # sign-ins are kept once more, as they are
            assert self.graph.table.writes == writes

    def _follow_owners(self, decision: Decision) -> None:
        for change in decision.changes if self.graph.rules is ATTRIBUTED else ():
            if change.kind == "attributed":
                device, *persons = change.identifiers
                by_time = {owner.since: owner for owner in self.owners.get(device, ())}
                for person, claimant in zip(persons, change.claimants, strict=True):
                    (claim,) = claimant.claims
                    assert claim.since is not None
                    if claim.until is None:
                        by_time[claim.since] = Owner(claim.since, person.namespace, person.value)
                    else:
                        del by_time[claim.since]
                self.owners[device] = tuple(sorted(by_time.values()))
        for command in decision.commands:
            if isinstance(command.command, Attribute | Rebuild):
                self.commanded[command.profile_id] = command.command.owners

    def _check_numbers(self, decision: Decision) -> None:
        for change in decision.changes:
            assert change.decision > self.last_decision or change.kind == "nothing"
        numbers = (link.decision for link in decision.links), (change.decision for change in decision.changes)
        self.last_decision = max(self.last_decision, *numbers[0], *numbers[1], 0)
        assert self.graph.ledger.last_decision() == self.last_decision
        rank = self.graph.rules.rank
        assert all(rank(link.left) < rank(link.right) for link in decision.links)

    def _check_claims(self, decision: Decision, before: set[tuple[Identifier, ...]]) -> None:
        for change in decision.changes:
            if change.kind == "attributed":  # one claimant for each period
                continue
            assert len({claimant.profile_id for claimant in change.claimants}) == len(change.claimants)
            if change.claimants and self.graph.rules is not ATTRIBUTED:
                claims = [claim for claimant in change.claimants for claim in claimant.claims]
                claimed = sorted(
                    (Identifier(claim.namespace, claim.value) for claim in claims), key=self.graph.rules.rank
                )
                assert tuple(claimed) in before or len(decision.changes) > 1

    @invariant()
    def active_links_alone_hold_a_component_together(self) -> None:
        components = {identifier: self.graph.component(identifier) for identifier in POOL}
        for identifier, component in components.items():
            assert identifier in component.identifiers
            assert self.graph.canonical_of(identifier) == component.canonical
            assert components[component.canonical] == component
            if identifier == component.canonical:
                assert identifier == min(component.identifiers, key=self.graph.rules.rank)
                assert all(components[member] == component for member in component.identifiers)
                assert len(self.graph.ledger.links.pieces(component.identifiers)) == 1

    @invariant()
    def everybody_knows_the_owners_of_devices(self) -> None:
        for device in POOL if self.graph.rules is ATTRIBUTED else ():
            is_attributed = self.graph.ledger.devices.is_attributed(device)
            held = owners(self.graph.ledger.devices.sign_ins(device)) if is_attributed else ()
            assert self.owners.get(device, ()) == held
            if is_attributed:
                assert self.commanded[device_profile_of(device)] == held

    @invariant()
    def shared_devices_stand_alone(self) -> None:
        for identifier in POOL:
            if self.graph.ledger.devices.is_shared(identifier):
                assert self.graph.component(identifier).identifiers == (identifier,)
                assert self.graph.ledger.links.near(identifier) == ()

    @invariant()
    def what_was_published_is_what_is_in_force(self) -> None:
        active = {frozenset((link.left, link.right)) for link in self.published.values() if link.status == "active"}
        assert self.near() == active
        for (left, right, source), link in self.published.items():
            assert (source, link.status, link.reason) in self.graph.evidence(left, right)


TestHistoriesLikeTheModel = HistoriesLikeTheModel.TestCase
TestHistoriesOfDevicesLikeTheModel = HistoriesOfDevicesLikeTheModel.TestCase
TestHistoriesUnderAnyRules = HistoriesUnderAnyRules.TestCase


meetings = st.lists(st.lists(st.sampled_from(POOL), min_size=1, max_size=3).map(UNLIMITED.usable), max_size=15)


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


@given(meetings, named)
def test_unmerge_and_the_same_evidence_again_is_the_same_person(
    met: list[tuple[Identifier, ...]], anchor_and_split: list[Identifier]
) -> None:
    graph = _run(met)
    before = graph.canonicals(POOL)
    graph.unmerge(*anchor_and_split)
    for identifiers in met:
        graph.together(*identifiers)

    assert graph.canonicals(POOL) == before


@given(meetings, st.data())
def test_taking_all_evidence_back_leaves_everybody_alone(
    met: list[tuple[Identifier, ...]], data: st.DataObject
) -> None:
    graph = _run(met)
    tied = {frozenset((identifier, other)) for identifier in POOL for other in graph.ledger.links.near(identifier)}
    pairs = [Pair(*graph.ledger.links.pair(*pair)) for pair in tied]
    graph.retract(*data.draw(st.permutations(pairs)))

    assert graph.canonicals(POOL) == {identifier: identifier for identifier in POOL}
    assert not [key for key in graph.table if b"|component|" in key or b"|member|" in key or b"|near|" in key]
