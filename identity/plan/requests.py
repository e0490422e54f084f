"""The requests to GRAPH that bring everybody from who they are now to who they will be under other rules. Pure."""

from collections.abc import Collection, Iterator

import msgspec

from identity.decide import decide
from identity.plan.copies import copied_ledger
from identity.plan.disjoint_sets import DisjointSets
from identity.plan.simulation import (
    NOWHERE,
    MemoryStore,
    Present,
    SimulatedHistory,
    ends,
    in_order,
    is_by_hand,
    merge_request,
)
from identity.rules import IdentityRules
from schemas.changes import OPERATOR
from schemas.records import Identifier, IdentityRequest, Link, Pair

PAIRS_PER_REQUEST = 1_000


class PlannedRequests(msgspec.Struct, frozen=True):
    """What to request of GRAPH, in this order; the last of `link` lets it find devices shared."""

    retract: tuple[Pair, ...] = ()
    link: tuple[Link, ...] = ()

    def requests(self, workspace: str, now: int, reason: str) -> Iterator[IdentityRequest]:
        """Yield requests with at most 1,000 pairs each; evidence keeps its event, its source and its time."""
        for start in range(0, len(self.retract), PAIRS_PER_REQUEST):
            pairs = self.retract[start : start + PAIRS_PER_REQUEST]
            yield IdentityRequest(workspace, "", OPERATOR, now, (), "retract", reason=reason, pairs=pairs)
        for link in self.link:
            if is_by_hand(link):
                yield merge_request(workspace, link, reason)
            else:
                shown = (link.message_id, link.source, link.occurred_at, ends(link))
                yield IdentityRequest(workspace, *shown, reason=reason)


class Persons(msgspec.Struct, frozen=True):
    """Who is who now, and who will be who. `moving`: the identifiers whose person will be another."""

    now: DisjointSets
    then: DisjointSets
    moving: frozenset[Identifier]

    @classmethod
    def compared(cls, present: Present, simulated: SimulatedHistory) -> "Persons":
        """Return the persons of now and those of the simulated history."""
        now, then = DisjointSets(map(ends, present.active())), DisjointSets(map(ends, simulated.active()))
        moving = frozenset(
            identifier
            for person in (*now.persons(), *then.persons())
            if now.members(person[0]) != then.members(person[0])
            for identifier in person
        )
        return cls(now, then, moving)

    def entangled_with(self, identifiers: Collection[Identifier]) -> frozenset[Identifier]:
        """Return all whose persons, of now or to be, hang together with these."""
        persons = (*self.now.persons(), *self.then.persons())
        groups = DisjointSets((person[0], other) for person in persons for other in person[1:])
        return frozenset(member for identifier in identifiers for member in groups.members(identifier))


class RequestPlanning:
    """Plans the requests of one workspace, and tries them on a copy of its ledger as it is now."""

    def __init__(
        self, workspace: str, present: Present, simulated: SimulatedHistory, persons: Persons, rules: IdentityRules
    ) -> None:
        self._workspace = workspace
        self._present = present
        self._simulated = simulated
        self._persons = persons
        self._rules = rules

    def plan(self) -> tuple[PlannedRequests, tuple[Identifier, ...]]:
        """Return the fewest requests, and the identifiers about which GRAPH would still decide otherwise.

        What GRAPH decides depends on what it has decided before. Where the fewest requests would not do, all evidence
        of whoever is entangled is taken back and shown anew.
        """
        requests = self._requests(frozenset())
        wrong = self._decided_otherwise(requests)
        if wrong:
            requests = self._requests(self._persons.entangled_with(wrong))
            wrong = self._decided_otherwise(requests)
        return requests, tuple(sorted(wrong))

    def _requests(self, anew: Collection[Identifier]) -> PlannedRequests:
        then, moving = self._persons.then, self._persons.moving
        retract = dict.fromkeys(
            Pair(link.left, link.right)
            for link in self._present.active()
            if link.left in moving and (link.left in anew or then.root_of(link.left) != then.root_of(link.right))
        )
        gone = {in_order(pair.left, pair.right) for pair in retract}
        kept = {
            (*in_order(*ends(link)), link.source)
            for link in self._present.active()
            if in_order(*ends(link)) not in gone
        }
        missing = [
            link
            for link in self._simulated.active()
            if link.left in moving and (*in_order(*ends(link)), link.source) not in kept
        ]
        return PlannedRequests(tuple(retract), (*missing, *self._second_sign_ins()))

    def _second_sign_ins(self) -> list[Link]:
        """Return what lets GRAPH find devices shared: the first person's evidence, then the second's."""
        evidence = []
        for device in sorted(self._simulated.shared.keys() - self._present.shared):
            signs = self._simulated.shared[device]
            taken_back = [link for link in signs if link.status == "retracted"]
            refused = [link for link in signs if link.status == "refused"]
            if device in self._persons.moving and taken_back and refused:
                evidence += [taken_back[0], refused[0]]
        return evidence

    def _decided_otherwise(self, planned: PlannedRequests) -> set[Identifier]:
        """Return the identifiers about which GRAPH would decide otherwise than planned."""
        moving = self._persons.moving
        store = MemoryStore()
        concerned = (link for link in self._present.links.values() if link.left in moving or link.right in moving)
        copied_ledger(store, self._workspace, self._rules, concerned, self._present.shared)
        active = {(*in_order(*ends(link)), link.source) for link in self._present.active() if link.left in moving}
        for request in planned.requests(self._workspace, 0, ""):
            for link in decide(request, store, NOWHERE, self._rules).links:
                key = (*in_order(*ends(link)), link.source)
                (active.add if link.status == "active" else active.discard)(key)
        came = DisjointSets((left, right) for left, right, _ in active)
        return {member for member in moving if came.members(member) != self._persons.then.members(member)}
