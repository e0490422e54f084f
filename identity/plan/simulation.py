"""The history simulated, which is to decide it anew in memory: RESOLVE's and GRAPH's functions over a dictionary.

Reading the history and the present is left to `warehouse`; what follows from the differences to `differences`.
"""

import uuid
from collections.abc import Iterable, Iterator

import msgspec

from identity.decide import decide
from identity.decision import Decision
from identity.entries import IdentifierEntry
from identity.ledger import Ledger
from identity.plan.disjoint_sets import DisjointSets
from identity.resolve import apply_route, resolve
from identity.rules import IdentityRules
from schemas.changes import OPERATOR, PLANS
from schemas.records import Identifier, IdentityRequest, Link, Pair

NOWHERE = uuid.UUID(int=0)  # the profile ids of a simulation are never looked at

Key = tuple[Identifier, Identifier, str]
"""Two identifiers and the source of the evidence."""


class Observed(msgspec.Struct, frozen=True, gc=False):
    """Identifiers that an event of a source showed together, as they came; `occurred_at` in ms."""

    identifiers: tuple[Identifier, ...]
    source: str
    message_id: str
    occurred_at: int


class MemoryStore(dict[bytes, bytes]):
    """A store for a ledger, for as long as the process lives."""

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a value; None removes the key."""
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


class Present(msgspec.Struct, frozen=True):
    """Who is who now: each pair's last evidence by source, in the order of decisions; devices that are shared.

    `unshared`: devices that were found shared and that an operator has unshared since.
    """

    links: dict[Key, Link] = {}
    shared: frozenset[Identifier] = frozenset()
    unshared: frozenset[Identifier] = frozenset()

    @classmethod
    def of(
        cls, links: Iterable[Link], shared: Iterable[Identifier] = (), unshared: Iterable[Identifier] = ()
    ) -> "Present":
        """Return who is who by evidence in the order of decisions."""
        return cls(_latest({}, links), frozenset(shared), frozenset(unshared))

    def active(self) -> Iterator[Link]:
        """Yield the evidence that ties people."""
        return (link for link in self.links.values() if link.status == "active")

    def operators(self) -> Iterator[Link]:
        """Yield the evidence that an operator has decided, but for what is to be decided anew when it is next seen."""
        return (
            link
            for link in self.links.values()
            if link.request_id and not link.request_id.startswith(PLANS) and link.reason != "allowed"
        )

    def merged_by_hand(self) -> Iterator[Link]:
        """Yield the evidence by which operators have merged."""
        return (link for link in self.active() if is_by_hand(link))


class SimulatedHistory:
    """What the history comes to under the rules. `links` as in `Present`.

    `shared`: devices found shared, each with the sign-ins that were taken back from it and those that were refused.
    What operators have decided holds from the beginning.
    """

    def __init__(self, workspace: str, rules: IdentityRules, present: Present) -> None:
        self.links: dict[Key, Link] = {}
        self.shared: dict[Identifier, tuple[Link, ...]] = {}
        self._workspace = workspace
        self._rules = rules
        self._store = MemoryStore()
        self._ledger = Ledger(self._store, workspace, rules.rank)
        self._entries: dict[Identifier, IdentifierEntry] = {}
        self._accepted: set[tuple[Identifier, Identifier]] = set()
        self._apart: set[Key] = set()
        self._forbidden: set[tuple[Identifier, Identifier]] = set()
        self._refusals: dict[Key, str] = {}  # of merges by hand
        self._unshared = present.unshared
        self._honour(present)

    def _honour(self, present: Present) -> None:
        now = DisjointSets(map(ends, present.active()))
        for link in present.operators():
            if link.reason == "forbidden":
                self._forbidden.add(in_order(link.left, link.right))
                if now.root_of(link.left) != now.root_of(link.right):
                    self._ledger.components.forbid(link.left, link.right, link.occurred_at)
            elif link.status == "retracted":
                self._apart.add((*in_order(link.left, link.right), link.source))
            elif not is_by_hand(link):
                self._accepted.add(in_order(link.left, link.right))
        for link in present.merged_by_hand():
            merged = decide(merge_request(self._workspace, link), self._store, NOWHERE, self._rules)
            self._keep(merged)
            refusals = [change.reason for change in merged.changes if change.kind == "nothing"]
            self._refusals |= dict.fromkeys([key_of(link)], refusals[0]) if refusals else {}

    def take(self, observed: Observed) -> None:
        """Decide what an event shows, of the pairs that RESOLVE would request: each pair of a source once."""
        identifiers = self._rules.usable(observed.identifiers)
        if len(identifiers) < 2:
            return
        primary, source = identifiers[0], observed.source
        entry, epoch = self._entries.get(primary), self._rules.epoch(observed.occurred_at)
        resolved = resolve(entry, identifiers, source, NOWHERE, epoch=epoch)
        if resolved.changed is not None:
            self._entries[primary] = resolved.changed
        others = [other for other in resolved.requested if not self.is_apart(primary, other, source)]
        if others:
            request = (observed.message_id, source, observed.occurred_at, (primary, *others))
            self._decide(IdentityRequest(self._workspace, *request))

    def keep_shared(self, devices: Iterable[Identifier]) -> tuple[Identifier, ...]:
        """Share the devices that the rules would leave alone but that were found shared before, and return them."""
        left_alone = tuple(sorted(device for device in devices if device not in self.shared))
        for device in left_alone:
            self._ledger.devices.share(device, self._ledger.last_decision())
            if pairs := tuple(Pair(device, other) for other in self._ledger.links.near(device)):
                self._decide(IdentityRequest(self._workspace, "", "", 0, (), "retract", pairs=pairs))
        return left_alone

    def is_apart(self, left: Identifier, right: Identifier, source: str) -> bool:
        """Tell whether an operator has decided against this evidence."""
        pair = in_order(left, right)
        return pair in self._forbidden or (*pair, source) in self._apart

    def active(self) -> Iterator[Link]:
        """Yield the evidence that ties people under these rules."""
        return (link for link in self.links.values() if link.status == "active")

    def why_not(self, link: Link) -> str:
        """Return why evidence does not hold under these rules."""
        for end in (link.left, link.right):
            if not self._rules.usable((end,)):
                return f"{end.namespace} names nobody" if self._rules.get(end.namespace) is None else "blocked"
        decided = self.links.get(key_of(link)) or self.links.get((link.right, link.left, link.source))
        if decided is None:
            return self._refusals.get(key_of(link), "not requested")
        return decided.reason or decided.status

    def _decide(self, request: IdentityRequest) -> None:
        decision = decide(request, self._store, NOWHERE, self._rules)
        self._keep(decision)
        # Pairs that came with a primary device found shared were not requested one by one.
        wrong = [key_of(link) for link in decision.links if link.status == "active"]
        for key in filter(lambda key: self.is_apart(*key), wrong):
            forbid = in_order(*key[:2]) in self._forbidden
            retract = IdentityRequest(self._workspace, "", "", 0, (), "retract", forbid=forbid, pairs=(Pair(*key),))
            self._keep(decide(retract, self._store, NOWHERE, self._rules))
        waiting = {in_order(*ends(link)) for link in decision.links if link.status == "waiting"} & self._accepted
        if waiting:
            pairs = tuple(Pair(*pair) for pair in sorted(waiting))
            accept = IdentityRequest(self._workspace, "", "", request.occurred_at, (), "accept", pairs=pairs)
            self._keep(decide(accept, self._store, NOWHERE, self._rules))

    def _keep(self, decision: Decision) -> None:
        _latest(self.links, decision.links)
        for change in decision.changes:
            if change.kind == "shared" and change.identifiers[0] in self._unshared:
                unshare = IdentityRequest(self._workspace, "", OPERATOR, 0, change.identifiers[:1], "unshare")
                self._keep(decide(unshare, self._store, NOWHERE, self._rules))
            elif change.kind == "shared":
                device = change.identifiers[0]
                self.shared[device] = tuple(
                    link for link in decision.links if device in ends(link) and self._is_sign_in(link)
                )
        for route in decision.routes:
            identifier = Identifier(route.namespace, route.value)
            if route.reopen and identifier in self._entries:
                self._entries[identifier] = apply_route(self._entries[identifier], route)

    def _is_sign_in(self, link: Link) -> bool:
        return link.reason == "shared" and "person" in map(self._rules.kind, ends(link))


def simulate(workspace: str, history: Iterable[Observed], present: Present, rules: IdentityRules) -> SimulatedHistory:
    """Decide the history, in its order, under `rules`."""
    simulated = SimulatedHistory(workspace, rules, present)
    for observed in history:
        simulated.take(observed)
    return simulated


def key_of(link: Link) -> Key:
    """Return what evidence is of."""
    return link.left, link.right, link.source


def is_by_hand(link: Link) -> bool:
    """Tell whether evidence is an operator's own word."""
    return link.source == OPERATOR and not link.message_id


def merge_request(workspace: str, link: Link, reason: str = "") -> IdentityRequest:
    """Return the request that merges by hand as evidence says; nobody waits for an answer."""
    pairs = (Pair(*ends(link)),)
    return IdentityRequest(workspace, "", OPERATOR, link.occurred_at, (), "merge", reason=reason, pairs=pairs)


def ends(link: Link) -> tuple[Identifier, Identifier]:
    """Return the two identifiers of a link."""
    return link.left, link.right


def in_order(left: Identifier, right: Identifier) -> tuple[Identifier, Identifier]:
    """Return a pair in the same order whatever the priorities are."""
    return (left, right) if left <= right else (right, left)


def _latest(kept: dict[Key, Link], links: Iterable[Link]) -> dict[Key, Link]:
    for link in links:
        kept.pop(key_of(link), None)  # to the end: the order is that of decisions
        kept[key_of(link)] = link
    return kept
