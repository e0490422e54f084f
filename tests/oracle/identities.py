"""Who is who, decided one request after the other over plain sets; slow, and for tests only. Knows no `streams`."""

import uuid
from collections.abc import Iterable

from schemas.records import Identifier, IdentityRequest

STRENGTH = ("user_id", "phone", "email", "anonymous_id", "session_id")
"""The namespaces that the oracle's stream uses, strongest first."""
LIMITS = {"user_id": 1, "phone": 3, "email": 5}
"""How many of each namespace that names persons one person may have."""


def strength(identifier: Identifier) -> tuple[int, str]:
    """Sort key; the smallest of a person is the canonical identifier."""
    return STRENGTH.index(identifier.namespace), identifier.value


def profile_id(namespace: uuid.UUID, members: Iterable[Identifier]) -> str:
    """The id that follows from the canonical identifier alone."""
    canonical = min(members, key=strength)
    return str(uuid.uuid5(namespace, f"{canonical.namespace}:{canonical.value}"))


def device_profile_id(namespace: uuid.UUID, device: Identifier) -> str:
    """The id of a shared device: as that of a person, but marked 8d where that is marked 5 and anything."""
    groups = profile_id(namespace, [device]).split("-")
    groups[2] = "8d" + groups[2][2:]
    return "-".join(groups)


def decided(requests: Iterable[IdentityRequest | Iterable[Identifier]]) -> "Identities":
    """Who is who after all requests, in order."""
    identities = Identities()
    for request in requests:
        identities.decide(request if isinstance(request, IdentityRequest) else _seen_together(request))
    return identities


def persons(requests: Iterable[IdentityRequest | Iterable[Identifier]]) -> list[frozenset[Identifier]]:
    """The components after all requests, in order; an identifier in none of them stands alone."""
    return decided(requests).persons()


class Identities:
    """The default rules as the guide words them, over plain sets of pairs.

    A request unites all that it names, unless a person would get two user ids, four phones or six e-mails: then its
    weakest identifier is left out, and so on until the rest fits. A device never ties two persons that differ in a
    namespace which both have: if the second one signs in on it, it is shared, and stands alone from then on.
    """

    def __init__(self) -> None:
        self.evidence: dict[frozenset[Identifier], set[str]] = {}
        self.named: set[Identifier] = set()
        self.shared: set[Identifier] = set()
        self.forbidden: list[tuple[Identifier, Identifier]] = []

    def decide(self, request: IdentityRequest) -> None:
        """Follow one request."""
        if request.kind == "link":
            self._link(sorted(set(request.identifiers), key=strength), request.source)
        elif request.kind == "unmerge":
            self._unmerge(request)
        elif request.kind == "retract":
            for pair in request.pairs:
                sources = self.evidence.get(frozenset((pair.left, pair.right)), set())
                meant = {pair.source} & sources if pair.source else set(sources)
                sources -= meant
                if meant and request.forbid:
                    self.forbidden.append((pair.left, pair.right))
        else:
            raise NotImplementedError(request.kind)

    def person_of(self, identifier: Identifier, without: frozenset[Identifier] = frozenset()) -> frozenset[Identifier]:
        """All that evidence ties to an identifier, over others than `without`."""
        found, reached = {identifier}, [identifier]
        while reached:
            one = reached.pop()
            near = {other for pair, sources in self.evidence.items() if sources and one in pair for other in pair}
            near -= without
            reached += near - found
            found |= near
        return frozenset(found)

    def persons(self) -> list[frozenset[Identifier]]:
        """Everybody who was ever named."""
        return list({self.person_of(identifier) for identifier in self.named})

    def _link(self, identifiers: list[Identifier], source: str) -> None:
        primary, *others = identifiers
        self.named.update(identifiers)
        united, has_ended, followed = set(self.person_of(primary)), False, []
        for other in others:
            if other in united:
                followed.append(other)
                continue
            theirs = self.person_of(other)
            conflict = self._conflict(united, theirs, other)
            signs_in = not _is_device(primary) and _is_device(other)
            if primary in self.shared or other in self.shared:
                continue
            if signs_in and conflict == "persons" and not all(map(_is_device, theirs)):
                self._share(other)
                self._link(identifiers, source)
                return
            if has_ended or conflict:
                has_ended = True
            else:
                united |= theirs
                followed.append(other)
        for other in followed:
            self.evidence.setdefault(frozenset((primary, other)), set()).add(source)

    def _conflict(self, united: set[Identifier], theirs: frozenset[Identifier], other: Identifier) -> str | None:
        for namespace, limit in LIMITS.items():
            own, others = _of(namespace, united), _of(namespace, theirs)
            if own and others and (len(own | others) > limit or (_is_device(other) and not own & others)):
                return "persons"
        for one, foreign in self.forbidden:
            if (one in united and foreign in theirs) or (one in theirs and foreign in united):
                return "forbidden"
        return None

    def _share(self, device: Identifier) -> None:
        self.shared.add(device)
        for pair, sources in self.evidence.items():
            if device in pair:
                sources.clear()

    def _unmerge(self, request: IdentityRequest) -> None:
        anchor, *split = request.identifiers
        if anchor in split or not set(split) <= self.person_of(anchor):
            return
        kept = self.person_of(anchor, without=frozenset(split))
        forbidden = [(one, anchor) for one in split]
        for pair, sources in self.evidence.items():
            if pair & kept and pair & set(split) and sources:
                sources.clear()
                one, other = pair
                forbidden.append((one, other))
        if request.forbid:
            self.forbidden += forbidden


def _seen_together(identifiers: Iterable[Identifier]) -> IdentityRequest:
    return IdentityRequest("", "", "", 0, tuple(identifiers))


def _is_device(identifier: Identifier) -> bool:
    return identifier.namespace == "anonymous_id"


def _of(namespace: str, identifiers: Iterable[Identifier]) -> set[str]:
    return {one.value for one in identifiers if one.namespace == namespace}
