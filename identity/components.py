"""GRAPH's stored layout: who forms one person, by which evidence, who must stay apart, and the number of decisions.

Rules, limits and commands are left to `graph.py`; batching and durability to whoever provides the store.

| key | value |
| --- | --- |
| `WORKSPACE|member|IDENTIFIER` | canonical identifier of its component; absent: itself |
| `WORKSPACE|component|CANONICAL` | `Component`; absent: the identifier alone |
| `WORKSPACE|near|IDENTIFIER` | the identifiers that active links tie it to |
| `WORKSPACE|refused|IDENTIFIER` | the last MAX_REFUSED identifiers that it was seen with but not tied to |
| `WORKSPACE|link|IDENTIFIER⏎IDENTIFIER` | the evidence of each source, as a list of `Evidence` |
| `WORKSPACE|shared|IDENTIFIER` | number of the decision that found a device shared, 8 bytes; `+` if it is handed on |
| `WORKSPACE|signed|IDENTIFIER` | the sign-ins on a device that is or would be handed on, as `SignIns` |
| `WORKSPACE|devices|IDENTIFIER` | the devices on which somebody signed in so |
| `WORKSPACE|sequence` | number of the last decision, 8 bytes |
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from identity.ownership import SignIns, without
from identity.rules import IdentityRules
from schemas.records import Identifier, Link, LinkStatus, Owner


class Store(Protocol):
    """The keys of one GRAPH partition. A `put` is seen by every later `get`; when it becomes durable is the store's."""

    def get(self, key: bytes) -> bytes | None:
        """The value, or None."""

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set the value; None removes the key."""


class Member(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`since`: time (ms) of the event that tied it to a component first."""

    namespace: str
    value: str
    since: int

    @property
    def identifier(self) -> Identifier:
        """Without the time."""
        return Identifier(self.namespace, self.value)


class Component(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One person's identifiers, strongest first. `merges`: how often a profile gave way to it.

    `apart`: pairs of a member and an identifier that must never become one person, as texts.
    """

    members: tuple[Member, ...]
    merges: int = 0
    apart: tuple[tuple[str, str], ...] = ()

    @property
    def canonical(self) -> Identifier:
        """The strongest identifier: the profile id follows from it."""
        return self.members[0].identifier

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """Its members, strongest first."""
        return tuple(member.identifier for member in self.members)

    def is_apart(self, left: Identifier, right: Identifier) -> bool:
        """Whether these two, of which the first is a member, must not be tied to each other."""
        return bool(self.apart) and (str(left), str(right)) in self.apart


class Evidence(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one source has shown of a pair, and what was decided of it."""

    source: str
    message_id: str
    occurred_at: int
    rule_version: str
    decision: int
    status: LinkStatus
    reason: str = ""
    request_id: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode_component = msgspec.msgpack.Decoder(Component).decode
_decode_evidence = msgspec.msgpack.Decoder(tuple[Evidence, ...]).decode
_decode_names = msgspec.msgpack.Decoder(tuple[tuple[str, str], ...]).decode
_decode_sign_ins = msgspec.msgpack.Decoder(tuple[tuple[int, str, str], ...]).decode
_ATTRIBUTED = b"+"
MAX_REFUSED = 1_000


def link_key(workspace: str, left: Identifier, right: Identifier, source: str | None = None) -> bytes:
    """Key of a pair here; with its source, on `identity.links`. No usable identifier contains the line break."""
    key = f"{workspace}|link|{left}\n{right}"
    return (key if source is None else f"{key}\n{source}").encode()


def link_of(workspace: str, left: Identifier, right: Identifier, evidence: Evidence) -> Link:
    """Evidence as it is published."""
    return Link(
        workspace, left, right, evidence.message_id, evidence.source, evidence.occurred_at, evidence.rule_version,
        evidence.decision, evidence.status, evidence.reason, evidence.request_id,
    )  # fmt: skip


def keys_of(workspace: str, identifiers: Sequence[Identifier]) -> Iterator[bytes]:
    """The keys that deciding about these identifiers most likely reads, to be read at once."""
    primary = identifiers[0]
    for identifier in identifiers:
        for kind in ("member", "component", "near", "shared"):
            yield f"{workspace}|{kind}|{identifier.namespace}:{identifier.value}".encode()
        yield link_key(workspace, primary, identifier)
        yield link_key(workspace, identifier, primary)


class Components:
    """One workspace's components in a store. Identifiers must be usable (`IdentityRules.usable`)."""

    def __init__(self, store: Store, workspace: str, rules: IdentityRules) -> None:
        self._store = store
        self._workspace = workspace
        self._rank = rules.rank

    def canonical_of(self, identifier: Identifier) -> Identifier:
        """The canonical identifier of the component that `identifier` is in."""
        stored = self._store.get(self._key("member", identifier))
        return identifier if stored is None else parsed(stored.decode())

    def of(self, identifier: Identifier, at: int = 0) -> Component:
        """The component that `identifier` is in; `at`: since when it is, if it stands alone."""
        canonical = self.canonical_of(identifier)
        stored = self._store.get(self._key("component", canonical))
        if stored is None:
            return Component((Member(canonical.namespace, canonical.value, at),))
        return _decode_component(stored)

    def unite(self, components: Sequence[Component]) -> Component:
        """Make one component of several."""
        # The profile of one of the parts goes on: after a change of priorities that of the strongest may be a forward.
        canonical = min((part.canonical for part in components), key=self._rank)
        members = sorted((one for part in components for one in part.members), key=self._member_rank)
        members.sort(key=lambda one: one.identifier != canonical)
        merges = sum(part.merges for part in components) + len(components) - 1
        united = Component(tuple(members), merges, tuple(pair for part in components for pair in part.apart))
        for part in components:
            if part.canonical != united.canonical:
                self._store.put(self._key("component", part.canonical), None)
                self._point(part, united.canonical)
        self._keep(united)
        return united

    def part(self, component: Component, pieces: Iterable[Collection[Identifier]]) -> list[Component]:
        """Make several components of one, the one with its canonical identifier first."""
        parted = []
        for piece in sorted(pieces, key=lambda piece: min(map(self._rank, piece))):
            names = set(map(str, piece))
            members = tuple(member for member in component.members if member.identifier in piece)
            apart = tuple(pair for pair in component.apart if pair[0] in names)
            parted.append(Component(members, min(component.merges, len(members) - 1), apart))
        for one in parted:
            self._point(one, one.canonical)
            self._store.put(self._key("member", one.canonical), None)
            self._keep(one)
        return parted

    def forbid(self, left: Identifier, right: Identifier, at: int) -> None:
        """Never let these two become one person; if other evidence ties them still, once that is taken back."""
        for own, other in ((left, right), (right, left)):
            component = self.of(own, at)
            pair = (str(own), str(other))
            if pair not in component.apart:
                self._keep(msgspec.structs.replace(component, apart=(*component.apart, pair)))

    def are_forbidden(self, one: Component, other: Component) -> bool:
        """Whether these two must not become one person."""
        if not one.apart:
            return False
        return any(self.canonical_of(parsed(foreign)) == other.canonical for _, foreign in one.apart)

    # -- evidence

    def evidence(self, left: Identifier, right: Identifier) -> tuple[Evidence, ...]:
        """What is known of a pair, by source."""
        stored = self._store.get(link_key(self._workspace, *self.pair(left, right)))
        return () if stored is None else _decode_evidence(stored)

    def record(self, left: Identifier, right: Identifier, evidence: Iterable[Evidence]) -> None:
        """Remember evidence of a pair, in the place of what was known of its sources, and what follows for `near`."""
        left, right = self.pair(left, right)
        known = {one.source: one for one in self.evidence(left, right)}
        was_active, was_refused = _has("active", known.values()), _has("refused", known.values())
        known |= {one.source: one for one in evidence}
        self._store.put(link_key(self._workspace, left, right), _encode(tuple(known.values())))
        is_active, is_refused = _has("active", known.values()), _has("refused", known.values())
        for end, other in ((left, right), (right, left)):
            if is_active != was_active:
                near = set(self.near(end))
                self._put_names("near", end, sorted(near | {other} if is_active else near - {other}))
            if is_refused != was_refused:
                refused = [one for one in self.refused(end) if one != other]
                self._put_names("refused", end, [*refused, other][-MAX_REFUSED:] if is_refused else refused)

    def near(self, identifier: Identifier) -> tuple[Identifier, ...]:
        """The identifiers that active links tie it to."""
        return self._names("near", identifier)

    def refused(self, identifier: Identifier) -> tuple[Identifier, ...]:
        """The identifiers that it was seen with, but not tied to; of very many, the last."""
        return self._names("refused", identifier)

    def reached(self, start: Identifier, without: Iterable[Identifier] = ()) -> set[Identifier]:
        """All that active links lead to from an identifier, on ways that do not pass any of `without`."""
        reached, left = {start}, [start]
        avoided = set(without)
        while left:
            new = set(self.near(left.pop())) - reached - avoided
            reached |= new
            left += new
        return reached

    def pieces(self, component: Component) -> list[set[Identifier]]:
        """The sets into which the active links part its members."""
        left = set(component.identifiers)
        pieces: list[set[Identifier]] = []
        while left:
            pieces.append(self.reached(next(iter(left))))
            left -= pieces[-1]
        return pieces

    def pair(self, one: Identifier, other: Identifier) -> tuple[Identifier, Identifier]:
        """The two as they are kept: with the one first that was the stronger when they were first seen together."""
        if self._rank(one) > self._rank(other):
            one, other = other, one
        is_known = self._store.get(link_key(self._workspace, one, other)) is not None
        if not is_known and self._store.get(link_key(self._workspace, other, one)) is not None:
            return other, one
        return one, other

    # -- shared devices, decisions

    def is_shared(self, device: Identifier) -> bool:
        """Whether a device was found to be used by several persons."""
        return self._store.get(self._key("shared", device)) is not None

    def is_attributed(self, device: Identifier) -> bool:
        """Whether a shared device's events belong to whoever signed in last."""
        return (self._store.get(self._key("shared", device)) or b"").endswith(_ATTRIBUTED)

    def share(self, device: Identifier, decision: int, attributed: bool = False) -> None:
        """Remember that a device is used by several persons, and whether its events go to whoever signed in last."""
        stored = decision.to_bytes(8, "big") + (_ATTRIBUTED if attributed else b"")
        self._store.put(self._key("shared", device), stored)

    def sign_ins(self, device: Identifier) -> SignIns:
        """Who signed in on a device, and when."""
        stored = self._store.get(self._key("signed", device))
        return () if stored is None else tuple(Owner(*one) for one in _decode_sign_ins(stored))

    def keep_sign_ins(self, device: Identifier, sign_ins: SignIns) -> None:
        """Remember who signed in on a device."""
        packed = [(one.since, one.namespace, one.value) for one in sign_ins]
        self._store.put(self._key("signed", device), _encode(packed) if packed else None)
        for person in {one.identifier for one in sign_ins}:
            devices = self.devices(person)
            if device not in devices:
                self._put_names("devices", person, (*devices, device))

    def forget_sign_ins(self, device: Identifier, person: Identifier) -> None:
        """What tied the person to the device was taken back."""
        self.keep_sign_ins(device, without(self.sign_ins(device), person))
        self._put_names("devices", person, [one for one in self.devices(person) if one != device])

    def devices(self, person: Identifier) -> tuple[Identifier, ...]:
        """On which devices somebody signed in."""
        return self._names("devices", person)

    def last_decision(self) -> int:
        """Number of the last decision; 0 before the first."""
        return int.from_bytes(self._store.get(f"{self._workspace}|sequence".encode()) or b"", "big")

    def next_decision(self) -> int:
        """Count one decision; its number, from 1."""
        number = self.last_decision() + 1
        self._store.put(f"{self._workspace}|sequence".encode(), number.to_bytes(8, "big"))
        return number

    # -- keys

    def _names(self, kind: str, identifier: Identifier) -> tuple[Identifier, ...]:
        stored = self._store.get(self._key(kind, identifier))
        return () if stored is None else tuple(Identifier(*one) for one in _decode_names(stored))

    def _put_names(self, kind: str, identifier: Identifier, names: Sequence[Identifier]) -> None:
        packed = [(one.namespace, one.value) for one in names]
        self._store.put(self._key(kind, identifier), _encode(packed) if packed else None)

    def _keep(self, component: Component) -> None:
        is_plain = len(component.members) == 1 and not component.apart
        self._store.put(self._key("component", component.canonical), None if is_plain else _encode(component))

    def _point(self, component: Component, canonical: Identifier) -> None:
        pointer = str(canonical).encode()
        for member in component.members:
            self._store.put(self._key("member", member.identifier), pointer)

    def _member_rank(self, member: Member) -> tuple[int, str, str]:
        return self._rank(member.identifier)

    def _key(self, kind: str, identifier: Identifier) -> bytes:
        return f"{self._workspace}|{kind}|{identifier.namespace}:{identifier.value}".encode()


def _has(status: LinkStatus, evidence: Iterable[Evidence]) -> bool:
    return any(one.status == status for one in evidence)


def parsed(text: str) -> Identifier:
    """The identifier of `namespace:value`."""
    namespace, _, value = text.partition(":")
    return Identifier(namespace, value)
