"""Who is who, decided one request after the other over plain sets; slow, and for tests only. Shares no code with ours.

It follows the rules as the guide words them, but for periods, fan-in and policies of shared devices but `isolate`.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from schemas.records import Identifier, IdentityRequest, Pair

STRENGTH = ("user_id", "phone", "email", "anonymous_id", "session_id")
"""The namespaces that the oracle's stream uses, strongest first."""
LIMITS = {"user_id": 1, "phone": 3, "email": 5}
"""How many of each namespace that names persons one person may have."""
DEVICES = frozenset({"anonymous_id"})

PairOfTwo = frozenset[Identifier]


def strength(identifier: Identifier) -> tuple[int, str]:
    """Sort key; the smallest of a person is the canonical identifier."""
    return STRENGTH.index(identifier.namespace), identifier.value


def profile_id(
    namespace: uuid.UUID,
    members: Iterable[Identifier],
    strength: Callable[[Identifier], tuple[int, str]] = strength,
) -> str:
    """Return the id that follows from the canonical identifier alone."""
    canonical = min(members, key=strength)
    return str(uuid.uuid5(namespace, f"{canonical.namespace}:{canonical.value}"))


def device_profile_id(namespace: uuid.UUID, device: Identifier) -> str:
    """The id of a shared device: as that of a person, but marked 8d where that is marked 5 and anything."""
    groups = profile_id(namespace, [device]).split("-")
    groups[2] = "8d" + groups[2][2:]
    return "-".join(groups)


def decided(requests: Iterable[IdentityRequest | Iterable[Identifier]]) -> "WhoIsWho":
    """Return who is who after all requests, in order."""
    model = WhoIsWho()
    for request in requests:
        model.decide(request if isinstance(request, IdentityRequest) else seen_together(request))
    return model


def persons(requests: Iterable[IdentityRequest | Iterable[Identifier]]) -> list[frozenset[Identifier]]:
    """Return the components after all requests, in order; an identifier in none of them stands alone."""
    return decided(requests).persons()


def without_devices(namespaces: Sequence[str], users: int = 1, max_size: int = 1_000) -> "WhoIsWho":
    """Return the model under rules by which only user ids are limited."""
    return WhoIsWho(namespaces, {"user_id": users}, devices=(), max_size=max_size)


def seen_together(identifiers: Iterable[Identifier]) -> IdentityRequest:
    """Return the request of an event with these identifiers."""
    return IdentityRequest("", "", "", 0, tuple(identifiers))


class WhoIsWho:
    """What each source has shown of a pair, and which pairs are forbidden; persons are found anew each time.

    A request unites all that it names, unless a person would get too many of a namespace: then its weakest identifier
    is left out, and so on until the rest fits. A device never ties two persons that differ in a namespace which both
    have: if the second one signs in on it, it is shared, and stands alone until an operator unshares it. What would
    make a person larger than `max_size` waits for a review.
    """

    def __init__(
        self,
        namespaces: Sequence[str] = STRENGTH,
        limits: Mapping[str, int] = LIMITS,
        devices: Collection[str] = DEVICES,
        max_size: int = 1_000,
    ) -> None:
        self.status: dict[tuple[PairOfTwo, str], str] = {}
        self.named: set[Identifier] = set()
        self.shared: set[Identifier] = set()
        self.forbidden: set[PairOfTwo] = set()
        self.by_sharing: set[tuple[PairOfTwo, str]] = set()
        self.untied: dict[Identifier, set[PairOfTwo]] = {}
        self._namespaces = namespaces
        self._limits = limits
        self._devices = devices
        self._max_size = max_size

    def decide(self, request: IdentityRequest) -> None:
        """Follow one request."""
        match request.kind:
            case "link":
                self._link(sorted(set(request.identifiers), key=self.strength), request.source)
            case "unmerge":
                self._unmerge(request.identifiers[0], set(request.identifiers[1:]), request.forbid)
            case "merge":
                for pair in request.pairs * len(request.pairs):  # one may be possible only after the next
                    self._merge(frozenset((pair.left, pair.right)))
            case "retract" | "accept" | "refuse" | "allow":
                for pair in request.pairs:
                    self._decide_pair(pair, request)
            case "unshare":
                for device in request.identifiers:
                    self._unshare(device)
            case _:
                raise NotImplementedError(request.kind)

    def _decide_pair(self, named: Pair, request: IdentityRequest) -> None:
        pair = frozenset((named.left, named.right))
        match request.kind:
            case "retract":
                self._retract(pair, named.source, request.forbid)
            case "allow":
                self._allow(self.person_of(named.left), self.person_of(named.right), pair)
            case kind:
                self._review(pair, kind == "accept")

    # -- what came of it

    @property
    def evidence(self) -> dict[PairOfTwo, set[str]]:
        """The sources whose evidence is in force, by pair."""
        by_pair: dict[PairOfTwo, set[str]] = {}
        for (pair, source), status in self.status.items():
            if status == "active":
                by_pair.setdefault(pair, set()).add(source)
        return by_pair

    def person_of(self, identifier: Identifier, without: Collection[Identifier] = ()) -> frozenset[Identifier]:
        """Return all that evidence ties to an identifier, over others than `without`."""
        near: dict[Identifier, set[Identifier]] = {}
        for pair in self.evidence:
            for end in pair:
                near.setdefault(end, set()).update(pair)
        person, unvisited = {identifier}, [identifier]
        while unvisited:
            new = near.get(unvisited.pop(), set()) - person - set(without)
            person |= new
            unvisited += new
        return frozenset(person)

    def canonical_of(self, identifier: Identifier) -> Identifier:
        """Return the strongest identifier of its person."""
        return min(self.person_of(identifier), key=self.strength)

    def persons(self) -> list[frozenset[Identifier]]:
        """Return everybody who was ever named."""
        return list({self.person_of(identifier) for identifier in self.named})

    def strength(self, identifier: Identifier) -> tuple[int, str]:
        """Sort key under the model's namespaces."""
        return self._namespaces.index(identifier.namespace), identifier.value

    # -- the kinds of requests

    def _link(self, identifiers: list[Identifier], source: str) -> None:
        primary, *others = identifiers
        self.named.update(identifiers)
        united, dropped = set(self.person_of(primary)), ""
        judged: dict[PairOfTwo, str] = {}
        by_sharing: set[PairOfTwo] = set()
        for other in others:
            pair = frozenset((primary, other))
            theirs = self.person_of(other)
            if other in united:
                judged[pair] = "refused" if pair in self.forbidden else "active"
            elif dropped and not (dropped == "two persons" and self._is_sign_in(pair)):
                judged[pair] = _VERDICTS[dropped]
            elif pair & self.shared:
                judged[pair] = "refused"
                by_sharing.add(pair)
            else:
                objection = self._objection(united, theirs, pair)
                if objection == "two persons" and self._is_sign_in(pair) and self._has_person(theirs):
                    self._share(identifiers, next(end for end in pair if self._is_device(end)), source)
                    return
                dropped = dropped or objection
                judged[pair] = _VERDICTS[dropped]
                united |= set() if dropped else theirs
        for pair, verdict in judged.items():
            if self.status.get((pair, source)) not in {"active", verdict}:
                self.status[pair, source] = verdict
                (self.by_sharing.add if pair in by_sharing else self.by_sharing.discard)((pair, source))

    def _share(self, identifiers: list[Identifier], device: Identifier, source: str) -> None:
        self.shared.add(device)
        self.untied[device] = {pair for pair in self.evidence if device in pair}
        for pair in self.untied[device]:
            self.by_sharing |= self._retract(pair, "", forbid=False)
        self._link(identifiers, source)
        if device == identifiers[0]:
            self._link(identifiers[1:], source)

    def _unshare(self, device: Identifier) -> None:
        if device not in self.shared:
            return
        self.shared.discard(device)
        untied = self.untied.pop(device)
        for other in sorted({end for pair in untied for end in pair} - {device}, key=self.strength):
            pair = frozenset((device, other))
            taken = [key for key in self.by_sharing if key[0] == pair and self.status[key] in {"retracted", "refused"}]
            if self._may_be_one(pair):
                self.status |= dict.fromkeys(taken, "active")

    def _unmerge(self, anchor: Identifier, split: set[Identifier], forbid: bool) -> None:
        if not split or anchor in split or not split <= self.person_of(anchor):
            return
        # What only the split identifiers tie to the anchor's person goes with them.
        kept = self.person_of(anchor, without=split)
        tied = {pair for pair in self.evidence if pair & split and pair & kept}
        for pair in tied:
            self._retract(pair, "", forbid)
        if forbid:
            self.forbidden |= {frozenset((anchor, other)) for other in split}

    def _retract(self, pair: PairOfTwo, source: str, forbid: bool) -> set[tuple[PairOfTwo, str]]:
        meant = [
            (of, shown_by)
            for (of, shown_by), status in self.status.items()
            if of == pair and source in ("", shown_by) and status in {"active", "waiting"}
        ]
        self.status |= dict.fromkeys(meant, "retracted")
        self.by_sharing -= set(meant)
        if meant and forbid:
            self.forbidden.add(pair)
        return set(meant)

    def _review(self, pair: PairOfTwo, is_accepted: bool) -> None:
        waiting = [key for key, status in self.status.items() if key[0] == pair and status == "waiting"]
        if not waiting:
            return
        if not is_accepted:
            self.forbidden.add(pair)
        verdict = "active" if is_accepted and self._may_be_one(pair) else "refused"
        self.status |= dict.fromkeys(waiting, verdict)

    def _merge(self, pair: PairOfTwo) -> None:
        if len(pair) == 2 and self._may_be_one(pair):
            self.named |= pair
            self.status[pair, "operator"] = "active"

    def _allow(self, person: frozenset[Identifier], other: frozenset[Identifier], named: PairOfTwo) -> None:
        if person == other:
            allowed = self.forbidden & {named}
        else:
            allowed = {pair for pair in self.forbidden if pair & person and pair & other}
        self.forbidden -= allowed
        for key, status in self.status.items():
            if key[0] in allowed and status == "refused":
                self.status[key] = "retracted"
                self.by_sharing.discard(key)

    # -- the rules

    def _may_be_one(self, pair: PairOfTwo) -> bool:
        """Tell whether an operator may tie a pair, whatever its size."""
        left, right = pair
        if right in self.person_of(left):
            return pair not in self.forbidden
        objection = self._objection(self.person_of(left), self.person_of(right), pair)
        return not pair & self.shared and objection in {"", "size"}

    def _objection(self, united: Collection[Identifier], theirs: Collection[Identifier], pair: PairOfTwo) -> str:
        by_device = any(map(self._is_device, pair))
        for namespace, limit in self._limits.items():
            own, others = _of(namespace, united), _of(namespace, theirs)
            if own and others and (len(own | others) > limit or (by_device and not own & others)):
                return "two persons"
        if any(len(apart & set(united)) == len(apart & set(theirs)) == 1 for apart in self.forbidden):
            return "forbidden"
        return "size" if len(united) + len(theirs) > self._max_size else ""

    def _is_sign_in(self, pair: PairOfTwo) -> bool:
        return any(map(self._is_device, pair)) and self._has_person(pair)

    def _is_device(self, identifier: Identifier) -> bool:
        return identifier.namespace in self._devices

    def _has_person(self, identifiers: Iterable[Identifier]) -> bool:
        return any(identifier.namespace in self._limits for identifier in identifiers)


_VERDICTS = {"": "active", "two persons": "refused", "forbidden": "refused", "size": "waiting"}


def _of(namespace: str, identifiers: Iterable[Identifier]) -> set[str]:
    return {identifier.value for identifier in identifiers if identifier.namespace == namespace}
