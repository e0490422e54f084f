"""What is different between who is who now and what other rules would make of it, and what to request of GRAPH. Pure.

A plan is about who is one person with whom: evidence within a person that stays the same is left as it is. How the
history comes out under the rules is `simulation`'s; reading, printing and sending are the command's.
"""

from collections.abc import Mapping

import msgspec

from identity.plan.disjoint_sets import DisjointSets
from identity.plan.requests import Persons, PlannedRequests, RequestPlanning
from identity.plan.simulation import Present, SimulatedHistory, ends
from identity.rules import IdentityRules
from schemas.records import Identifier

LARGEST = 10

Person = tuple[Identifier, ...]


class Tie(msgspec.Struct, frozen=True):
    """Evidence that decides a difference. `reason`: why it does not hold under the rules; empty if it does."""

    left: Identifier
    right: Identifier
    source: str
    message_id: str
    occurred_at: int
    reason: str = ""


class PersonChange(msgspec.Struct, frozen=True):
    """Profiles of now, the persons that their identifiers will be, and by which evidence."""

    profiles: tuple[str, ...]
    persons: tuple[Person, ...]
    ties: tuple[Tie, ...]


class RulesPlan(msgspec.Struct, frozen=True):
    """`merges`: profiles that become one person. `unmerges`: a profile that becomes several persons.

    `identifiers`: how many come to another profile. `profiles`: how many are concerned. `largest`: the largest
    persons that are new. `newly_shared`: devices. `stay_shared`: devices that these rules would not have found shared,
    but that were. `uncertain`: identifiers about which GRAPH may decide otherwise, so that a second plan is needed.
    """

    rule_version: str
    merges: tuple[PersonChange, ...] = ()
    unmerges: tuple[PersonChange, ...] = ()
    identifiers: int = 0
    profiles: int = 0
    largest: tuple[Person, ...] = ()
    newly_shared: tuple[Identifier, ...] = ()
    stay_shared: tuple[Identifier, ...] = ()
    uncertain: tuple[Identifier, ...] = ()
    requests: PlannedRequests = PlannedRequests()

    @property
    def is_empty(self) -> bool:
        """Tell whether everybody stays who they are."""
        return not (self.requests.retract or self.requests.link)


class RulesComparison:
    """Compares who is who now with a simulated history, of which `plan` wants to know the profiles of `identifiers`."""

    def __init__(self, workspace: str, present: Present, simulated: SimulatedHistory, rules: IdentityRules) -> None:
        self._present = present
        self._simulated = simulated
        self._rules = rules
        self._stay_shared = simulated.keep_shared(present.shared)
        self._persons = Persons.compared(present, simulated)
        self._planning = RequestPlanning(workspace, present, simulated, self._persons, rules)

    @property
    def identifiers(self) -> frozenset[Identifier]:
        """Return the identifiers whose person will be another."""
        return self._persons.moving

    def plan(self, profile_of: Mapping[Identifier, str], examples: int = 10) -> RulesPlan:
        """Return the plan; that an identifier without a profile (it has no events) joins a person is no merge."""
        if not self.identifiers:
            return RulesPlan(self._rules.version, stay_shared=self._stay_shared)
        now, then = self._persons.now, self._persons.then
        requests, uncertain = self._planning.plan()
        return RulesPlan(
            self._rules.version,
            self._merges(profile_of, examples),
            self._unmerges(profile_of, examples),
            identifiers=sum(
                self._strongest(now, moving) != self._strongest(then, moving) for moving in self.identifiers
            ),
            profiles=len({profile_of[moving] for moving in self.identifiers if moving in profile_of}),
            largest=tuple(sorted(self._by_root(then).values(), key=len, reverse=True)[:LARGEST]),
            newly_shared=tuple(sorted(self._simulated.shared.keys() - self._present.shared)),
            stay_shared=self._stay_shared,
            uncertain=uncertain,
            requests=requests,
        )

    def _merges(self, profile_of: Mapping[Identifier, str], examples: int) -> tuple[PersonChange, ...]:
        ties = self._joining_ties()
        changes = []
        for root, person in self._by_root(self._persons.then).items():
            profiles = self._profiles(person, profile_of)
            if len(profiles) > 1:
                changes.append(PersonChange(profiles, (person,), tuple(ties.get(root, ())[:examples])))
        return tuple(sorted(changes, key=lambda change: -len(change.profiles)))

    def _unmerges(self, profile_of: Mapping[Identifier, str], examples: int) -> tuple[PersonChange, ...]:
        ties = self._breaking_ties()
        then = self._persons.then
        changes = []
        for root, person in self._by_root(self._persons.now).items():
            pieces = tuple({then.root_of(member): then.members(member) for member in person}.values())
            if len(pieces) > 1:
                profiles = self._profiles(person, profile_of)[:1]
                changes.append(PersonChange(profiles, pieces, tuple(ties.get(root, ())[:examples])))
        return tuple(sorted(changes, key=lambda change: -len(change.persons)))

    def _by_root(self, persons: DisjointSets) -> dict[Identifier, Person]:
        return {persons.root_of(moving): persons.members(moving) for moving in sorted(self.identifiers)}

    def _profiles(self, person: Person, profile_of: Mapping[Identifier, str]) -> tuple[str, ...]:
        """Return the profiles that the identifiers have now, one of each person of now."""
        by_root: dict[Identifier, str] = {}
        for member in sorted(person, key=self._rules.rank):
            if member in profile_of:
                by_root.setdefault(self._persons.now.root_of(member), profile_of[member])
        return tuple(dict.fromkeys(by_root.values()))

    def _strongest(self, persons: DisjointSets, identifier: Identifier) -> Identifier:
        return min(persons.members(identifier), key=self._rules.rank)

    def _joining_ties(self) -> dict[Identifier, list[Tie]]:
        """Return the evidence that joins what is apart now, by the person to be."""
        now, then = self._persons.now, self._persons.then
        ties: dict[Identifier, list[Tie]] = {}
        for link in self._simulated.active():
            if link.left in self.identifiers and now.root_of(link.left) != now.root_of(link.right):
                tie = Tie(*ends(link), link.source, link.message_id, link.occurred_at)
                ties.setdefault(then.root_of(link.left), []).append(tie)
        return ties

    def _breaking_ties(self) -> dict[Identifier, list[Tie]]:
        """Return the evidence of now that will not hold, by the person of now."""
        now, then = self._persons.now, self._persons.then
        ties: dict[Identifier, list[Tie]] = {}
        for link in self._present.active():
            if link.left in self.identifiers and then.root_of(link.left) != then.root_of(link.right):
                reason = self._simulated.why_not(link)
                tie = Tie(*ends(link), link.source, link.message_id, link.occurred_at, reason)
                ties.setdefault(now.root_of(link.left), []).append(tie)
        return ties
