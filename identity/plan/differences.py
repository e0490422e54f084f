"""From who is who now to what other rules would make of it: what is different, and what to ask of GRAPH.

Pure. A plan is about who is one person with whom: evidence within a person that stays the same is left as it is. How
the history comes out under the rules is `replay`'s; reading, telling and sending are the command's.
"""

from collections.abc import Collection, Mapping

import msgspec

from identity.decide import decide
from identity.ledger import Evidence, Ledger
from identity.plan.disjoint_sets import Partition
from identity.plan.replay import NOWHERE, Memory, Present, Replay, ends, in_order
from identity.rules import IdentityRules
from schemas.records import Identifier, IdentityRequest, Link, Pair

PAIRS_PER_REQUEST = 1_000
LARGEST = 10

Person = tuple[Identifier, ...]


class Tie(msgspec.Struct, frozen=True):
    """Evidence that decides a change. `reason`: why it does not hold under the rules; empty if it does."""

    left: Identifier
    right: Identifier
    source: str
    message_id: str
    occurred_at: int
    reason: str = ""


class Change(msgspec.Struct, frozen=True):
    """Profiles of now, the persons that their identifiers will be, and by which evidence."""

    profiles: tuple[str, ...]
    persons: tuple[Person, ...]
    ties: tuple[Tie, ...]


class Orders(msgspec.Struct, frozen=True):
    """What to ask of GRAPH, in this order; the last of `link` lets it find devices shared."""

    retract: tuple[Pair, ...] = ()
    link: tuple[Link, ...] = ()

    def requests(self, workspace: str, at: int, reason: str) -> tuple[IdentityRequest, ...]:
        """As requests, each with at most 1,000 pairs; evidence keeps its event, its source and its time."""
        chunks = [self.retract[at : at + PAIRS_PER_REQUEST] for at in range(0, len(self.retract), PAIRS_PER_REQUEST)]
        return (
            *(
                IdentityRequest(workspace, "", "operator", at, (), "retract", reason=reason, pairs=chunk)
                for chunk in chunks
            ),
            *(
                IdentityRequest(workspace, one.message_id, one.source, one.occurred_at, ends(one), reason=reason)
                for one in self.link
            ),
        )


class Plan(msgspec.Struct, frozen=True):
    """`merges`: profiles that become one person. `splits`: a profile that becomes several persons.

    `identifiers`: how many come to another profile. `profiles`: how many are concerned. `largest`: the largest
    persons that are new. `newly_shared`: devices. `stay_shared`: devices that these rules would not have found shared,
    but that were. `uncertain`: identifiers about which GRAPH may decide otherwise, so that a second plan is needed.
    """

    rule_version: str
    merges: tuple[Change, ...] = ()
    splits: tuple[Change, ...] = ()
    identifiers: int = 0
    profiles: int = 0
    largest: tuple[Person, ...] = ()
    newly_shared: tuple[Identifier, ...] = ()
    stay_shared: tuple[Identifier, ...] = ()
    uncertain: tuple[Identifier, ...] = ()
    orders: Orders = Orders()

    @property
    def is_empty(self) -> bool:
        """Whether everybody stays who they are."""
        return not (self.orders.retract or self.orders.link)


class Planning:
    """One comparison. `identifiers`: those whose person will be another, of which `plan` wants to know the profiles."""

    def __init__(self, workspace: str, present: Present, replayed: Replay, rules: IdentityRules) -> None:
        self._workspace = workspace
        self._present = present
        self._replayed = replayed
        self._rules = rules
        self._stay_shared = replayed.keep_shared(present.shared)
        self._now = Partition(map(ends, present.active()))
        self._then = Partition(map(ends, replayed.active()))
        self.identifiers = frozenset(
            identifier
            for person in (*self._now.persons(), *self._then.persons())
            if self._now.members(person[0]) != self._then.members(person[0])
            for identifier in person
        )

    def plan(self, profile_of: Mapping[Identifier, str], examples: int = 10) -> Plan:
        """The plan. An identifier without a profile has no events of its own: that it joins a person is no merge."""
        if not self.identifiers:
            return Plan(self._rules.version, stay_shared=self._stay_shared)
        now = {self._now.of(one): self._now.members(one) for one in sorted(self.identifiers)}
        then = {self._then.of(one): self._then.members(one) for one in sorted(self.identifiers)}
        orders, uncertain = self._orders()
        joins, parts = self._ties(joining=True), self._ties(joining=False)
        merges, splits = [], []
        for root, person in then.items():
            profiles = self._profiles(person, profile_of)
            if len(profiles) > 1:
                merges.append(Change(profiles, (person,), tuple(joins.get(root, ())[:examples])))
        for root, person in now.items():
            pieces = tuple({self._then.of(one): self._then.members(one) for one in person}.values())
            if len(pieces) > 1:
                profiles = self._profiles(person, profile_of)[:1]
                splits.append(Change(profiles, pieces, tuple(parts.get(root, ())[:examples])))
        shared = tuple(sorted(self._replayed.shared.keys() - self._present.shared))
        return Plan(
            self._rules.version,
            tuple(sorted(merges, key=lambda change: -len(change.profiles))),
            tuple(sorted(splits, key=lambda change: -len(change.persons))),
            identifiers=sum(
                self._strongest(self._now, one) != self._strongest(self._then, one) for one in self.identifiers
            ),
            profiles=len({profile_of[one] for one in self.identifiers if one in profile_of}),
            largest=tuple(sorted(then.values(), key=len, reverse=True)[:LARGEST]),
            newly_shared=shared,
            stay_shared=self._stay_shared,
            uncertain=uncertain,
            orders=orders,
        )

    def _profiles(self, person: Person, profile_of: Mapping[Identifier, str]) -> tuple[str, ...]:
        """The profiles that the identifiers have now; of one that is a person now, one."""
        found: dict[Identifier, str] = {}
        for one in sorted(person, key=self._rules.rank):
            if one in profile_of:
                found.setdefault(self._now.of(one), profile_of[one])
        return tuple(dict.fromkeys(found.values()))

    def _strongest(self, partition: Partition, identifier: Identifier) -> Identifier:
        return min(partition.members(identifier), key=self._rules.rank)

    def _ties(self, *, joining: bool) -> dict[Identifier, list[Tie]]:
        """The evidence that joins what is apart now, by the person to be; or that of now which will not hold."""
        links = self._replayed.active() if joining else self._present.active()
        before, after = (self._now, self._then) if joining else (self._then, self._now)
        found: dict[Identifier, list[Tie]] = {}
        for link in links:
            if link.left in self.identifiers and before.of(link.left) != before.of(link.right):
                reason = "" if joining else self._replayed.why_not(link)
                tie = Tie(*ends(link), link.source, link.message_id, link.occurred_at, reason)
                found.setdefault(after.of(link.left), []).append(tie)
        return found

    # -- what to ask of GRAPH

    def _orders(self) -> tuple[Orders, tuple[Identifier, ...]]:
        """The fewest requests; where GRAPH would decide them otherwise, all evidence is taken back and shown anew.

        They are tried on a copy of the graph of now: what it decides depends on what it knows when it is asked.
        """
        orders = self._orders_anew(frozenset())
        wrong = self._outcome(orders)
        if wrong:
            orders = self._orders_anew(self._concerned_with(wrong))
            wrong = self._outcome(orders)
        return orders, tuple(sorted(wrong))

    def _orders_anew(self, anew: Collection[Identifier]) -> Orders:
        retract = dict.fromkeys(
            Pair(link.left, link.right)
            for link in self._present.active()
            if link.left in self.identifiers
            and (link.left in anew or self._then.of(link.left) != self._then.of(link.right))
        )
        gone = {in_order(pair.left, pair.right) for pair in retract}
        kept = {
            (*in_order(*ends(link)), link.source)
            for link in self._present.active()
            if in_order(*ends(link)) not in gone
        }
        link = [
            link
            for link in self._replayed.active()
            if link.left in self.identifiers and (*in_order(*ends(link)), link.source) not in kept
        ]
        return Orders(tuple(retract), (*link, *self._sign_ins()))

    def _sign_ins(self) -> list[Link]:
        """What lets GRAPH find devices shared: the first person's evidence, then the second's."""
        found = []
        for device in sorted(self._replayed.shared.keys() - self._present.shared):
            signs = self._replayed.shared[device]
            taken_back = [link for link in signs if link.status == "retracted"]
            refused = [link for link in signs if link.status == "refused"]
            if device in self.identifiers and taken_back and refused:
                found += [taken_back[0], refused[0]]
        return found

    def _concerned_with(self, wrong: Collection[Identifier]) -> frozenset[Identifier]:
        """All whose persons, of now or to be, hang together with these."""
        persons = (*self._now.persons(), *self._then.persons())
        groups = Partition((person[0], other) for person in persons for other in person[1:])
        return frozenset(member for one in wrong for member in groups.members(one))

    def _outcome(self, orders: Orders) -> set[Identifier]:
        """The identifiers about which GRAPH would decide otherwise than planned."""
        store = Memory()
        ledger = Ledger(store, self._workspace, self._rules.rank)
        for link in sorted(self._present.links.values(), key=lambda link: link.status != "active"):
            if link.left in self.identifiers or link.right in self.identifiers:
                _restore(ledger, link)
        for device in self._present.shared:
            ledger.devices.share(device, 0)
        active = {
            (*in_order(*ends(link)), link.source) for link in self._present.active() if link.left in self.identifiers
        }
        for request in orders.requests(self._workspace, 0, ""):
            for link in decide(request, store, NOWHERE, self._rules).links:
                key = (*in_order(*ends(link)), link.source)
                (active.add if link.status == "active" else active.discard)(key)
        came = Partition((left, right) for left, right, _ in active)
        return {one for one in self.identifiers if came.members(one) != self._then.members(one)}


def _restore(ledger: Ledger, link: Link) -> None:
    """Put evidence into a store as GRAPH has it."""
    ledger.links.record(
        *ends(link),
        [
            Evidence(
                link.source, link.message_id, link.occurred_at, link.rule_version, link.decision, link.status,
                link.reason, link.request_id,
            )
        ],
    )  # fmt: skip
    one, other = (ledger.components.of(end, link.occurred_at) for end in ends(link))
    if link.status == "active" and one.canonical != other.canonical:
        ledger.components.unite((one, other))
    elif link.reason == "forbidden" and one.canonical != other.canonical:
        left, right = ends(link)
        ledger.components.forbid(left, right, link.occurred_at)
