"""Components: the sets of identifiers that are one person each, and who must never become one."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from identity.ledger.table import LedgerTable, parsed
from schemas.records import Identifier


class ComponentMember(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An identifier of a component. `since`: time (ms) of the event that tied it to a component first."""

    namespace: str
    value: str
    since: int

    @property
    def identifier(self) -> Identifier:
        """Return the identifier without the time."""
        return Identifier(self.namespace, self.value)


class Component(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One person's identifiers, strongest first. `merges`: how often a profile gave way to it.

    `apart`: pairs of a member and an identifier that must never become one person, as texts.
    """

    members: tuple[ComponentMember, ...]
    merges: int = 0
    apart: tuple[tuple[str, str], ...] = ()

    @property
    def canonical(self) -> Identifier:
        """Return the strongest identifier: the profile id follows from it."""
        return self.members[0].identifier

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """Return its members' identifiers, strongest first."""
        return tuple(member.identifier for member in self.members)

    def is_apart(self, member: Identifier, other: Identifier) -> bool:
        """Tell whether a member must not be tied to an identifier."""
        return bool(self.apart) and (str(member), str(other)) in self.apart


_encode = msgspec.msgpack.Encoder().encode
_NONE: frozenset[Identifier] = frozenset()
_decode = msgspec.msgpack.Decoder(Component).decode


class Components:
    """The components of one workspace."""

    def __init__(self, table: LedgerTable, rank: Callable[[Identifier], tuple[int, str, str]]) -> None:
        self._table = table
        self._rank = rank

    def canonical_of(self, identifier: Identifier) -> Identifier:
        """Return the canonical identifier of the component that `identifier` is in."""
        stored = self._table.get("member", identifier)
        return identifier if stored is None else parsed(stored.decode())

    def of(self, identifier: Identifier, since: int = 0) -> Component:
        """Return the component that `identifier` is in; `since`: when it came, if it stands alone."""
        canonical = self.canonical_of(identifier)
        stored = self._table.get("component", canonical)
        if stored is None:
            return Component((ComponentMember(canonical.namespace, canonical.value, since),))
        return _decode(stored)

    def forbidden(self, component: Component) -> frozenset[Identifier]:
        """Return the canonical identifiers of the components that this one must not join."""
        if not component.apart:
            return _NONE
        return frozenset(self.canonical_of(parsed(foreign)) for _, foreign in component.apart)

    def forbidden_between(self, left: Identifier, right: Identifier) -> Iterator[tuple[Identifier, Identifier]]:
        """Yield the forbidden pairs that keep the persons of two identifiers apart; of one person, the pair itself."""
        component, other = self.of(left), self.of(right)
        if component.canonical == other.canonical:
            if component.is_apart(left, right):
                yield left, right
            return
        foreign = set(map(str, other.identifiers))
        yield from ((parsed(member), parsed(apart)) for member, apart in component.apart if apart in foreign)

    def unite(self, components: Sequence[Component]) -> Component:
        """Make one component of several."""
        # The profile of one of them goes on: after a change of priorities that of the strongest may be a forward.
        canonical = min((component.canonical for component in components), key=self._rank)
        members = sorted((member for component in components for member in component.members), key=self._member_rank)
        members.sort(key=lambda member: member.identifier != canonical)
        merges = sum(component.merges for component in components) + len(components) - 1
        united = Component(tuple(members), merges, tuple(pair for component in components for pair in component.apart))
        for component in components:
            if component.canonical != united.canonical:
                self._table.put("component", component.canonical, None)
                self._point(component, united.canonical)
        self._keep(united)
        return united

    def unmerge(self, component: Component, pieces: Iterable[Collection[Identifier]]) -> list[Component]:
        """Make several components of one, strongest first."""
        unmerged = []
        for piece in sorted(pieces, key=lambda piece: min(map(self._rank, piece))):
            names = set(map(str, piece))
            members = tuple(member for member in component.members if member.identifier in piece)
            apart = tuple(pair for pair in component.apart if pair[0] in names)
            unmerged.append(Component(members, min(component.merges, len(members) - 1), apart))
        for own in unmerged:
            self._point(own, own.canonical)
            self._table.put("member", own.canonical, None)
            self._keep(own)
        return unmerged

    def forbid(self, left: Identifier, right: Identifier, since: int) -> None:
        """Keep these two from ever becoming one person; if other evidence still ties them, once that is taken back."""
        for member, foreign in ((left, right), (right, left)):
            component = self.of(member, since)
            pair = (str(member), str(foreign))
            if pair not in component.apart:
                self._keep(msgspec.structs.replace(component, apart=(*component.apart, pair)))

    def allow(self, left: Identifier, right: Identifier) -> None:
        """Let these two become one person again."""
        for member, foreign in ((left, right), (right, left)):
            component = self.of(member)
            pair = (str(member), str(foreign))
            kept = tuple(apart for apart in component.apart if apart != pair)
            self._keep(msgspec.structs.replace(component, apart=kept))

    def _keep(self, component: Component) -> None:
        is_plain = len(component.members) == 1 and not component.apart
        self._table.put("component", component.canonical, None if is_plain else _encode(component))

    def _point(self, component: Component, canonical: Identifier) -> None:
        pointer = str(canonical).encode()
        for member in component.members:
            self._table.put("member", member.identifier, pointer)

    def _member_rank(self, member: ComponentMember) -> tuple[int, str, str]:
        return self._rank(member.identifier)
