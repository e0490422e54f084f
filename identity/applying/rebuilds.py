"""The profiles that one decision has rebuilt from their events."""

from collections.abc import Iterable, Iterator

from identity.decision import DecisionEffects
from identity.ledger import Component, Ledger
from identity.ownership import SignIns, claims, owners
from schemas.records import Attribute, Claim, Claimant, Identifier, Rebuild, Transfer


class Rebuilds:
    """Sends the commands that rebuild profiles, and collects the events that each of them claims.

    `given_up`: a device of which nobody owns events any more; what it attributed before is stale.
    """

    def __init__(self, ledger: Ledger, effects: DecisionEffects, given_up: Identifier | None = None) -> None:
        self._ledger = ledger
        self._effects = effects
        self._claimants: dict[str, Claimant] = {}
        self._attributed: set[Identifier] = set()
        self._given_up = given_up

    @property
    def claimants(self) -> tuple[Claimant, ...]:
        """Return the profiles with their claims, in the order in which they were rebuilt."""
        return tuple(self._claimants.values())

    def component(self, component: Component, whole: Iterable[Identifier] = ()) -> None:
        """Rebuild the profile of a component; the default profiles of its identifiers give way to it.

        `whole`: the identifiers of the component that it came apart from.
        """
        canonical, *others = component.identifiers
        profile_id = self._effects.profiles.of(canonical)
        used = dict.fromkeys(device for member in component.identifiers for device in self._used_by(member))
        attributed = tuple(device for device in used if self._ledger.devices.is_attributed(device))
        reattributed = tuple(device for device in used if device in attributed or device == self._given_up)
        claimed = tuple(self._claims(component.identifiers, attributed))
        self._claimants[profile_id] = Claimant(profile_id, claimed)
        held = self._owners(canonical) if self._ledger.devices.is_attributed(canonical) else ()
        number = self._effects.number
        apart = tuple(member for member in whole if member not in component.identifiers)
        rebuild = Rebuild(number, component.identifiers, held, reattributed, apart)
        self._effects.commands.append((profile_id, rebuild))
        giving_way = others if profile_id == self._effects.profiles.default(canonical) else component.identifiers
        self._effects.commands += (
            (self._effects.profiles.default(member), Transfer(number, profile_id, (member,), outdates=True))
            for member in giving_way
        )
        for device in attributed:
            self.attribute(device)

    def persons(self, identifiers: Iterable[Identifier]) -> None:
        """Rebuild the profiles of these that are not rebuilt yet."""
        for identifier in identifiers:
            component = self._ledger.components.of(identifier)
            if self._effects.profiles.of(component.canonical) not in self._claimants:
                self.component(component)

    def attribute(self, device: Identifier) -> None:
        """Send a shared device its owners, once."""
        if device not in self._attributed:
            self._attributed.add(device)
            attribute = Attribute(self._effects.number, device, self._owners(device))
            self._effects.commands.append((self._effects.profiles.of(device), attribute))

    def _claims(self, members: tuple[Identifier, ...], attributed: tuple[Identifier, ...]) -> Iterator[Claim]:
        """Yield the events whose primary identifier is a member, and those of devices while a member owned them."""
        for member in members:
            yield Claim(member.namespace, member.value)
        for device in attributed:
            yield from (claim for owner, claim in claims(device, self._owners(device)) if owner in members)

    def _owners(self, device: Identifier) -> SignIns:
        return owners(self._ledger.devices.sign_ins(device))

    def _used_by(self, person: Identifier) -> tuple[Identifier, ...]:
        return self._ledger.devices.used_by(person)
