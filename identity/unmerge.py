"""Taking evidence back, and what the profiles that come of it are told (docs/decisions/0009)."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from identity.components import Component, Components, link_of
from identity.ownership import claims, owners
from schemas.records import (
    Attribute,
    Claim,
    Claimant,
    Disown,
    Identifier,
    IdentityRequest,
    Link,
    ProfileCommand,
    Rebuild,
    Route,
    Transfer,
)


class Parting:
    """One decision that takes evidence back; `reason` is what its links say. Nothing is parted until `part`."""

    def __init__(
        self,
        components: Components,
        request: IdentityRequest,
        profile_id: Callable[[Identifier], str],
        number: int,
        reason: str,
    ) -> None:
        self.links: list[Link] = []
        self.commands: list[ProfileCommand] = []
        self.routes: list[Route] = []
        self.claimants: list[Claimant] = []
        self._components = components
        self._request = request
        self._id = profile_id
        self._number = number
        self._reason = reason
        self._reopened: set[Identifier] = set()
        self._assigned: set[Identifier] = set()

    def retract(self, left: Identifier, right: Identifier, source: str = "") -> None:
        """Take the active evidence of a pair back: of one source, or (empty) of all."""
        retracted = [
            msgspec.structs.replace(
                one,
                decision=self._number,
                status="retracted",
                reason=self._reason,
                request_id=self._request.request_id,
            )
            for one in self._components.evidence(left, right)
            if one.status == "active" and source in ("", one.source)
        ]
        if not retracted:
            return
        self._components.record(left, right, retracted)
        if self._reason != "shared":
            self._forget_sign_ins(left, right)
        self._reopened.update((left, right))
        self.links += (link_of(self._request.workspace, left, right, one) for one in retracted)

    def part(self, component: Component) -> None:
        """Make the pieces that the remaining links hold together components of their own, if there are several."""
        pieces = self._components.pieces(component)
        parted = self._components.part(component, pieces) if len(pieces) > 1 else [component]
        if len(parted) > 1:
            self._reopen_refused(component.identifiers)
        for piece in parted:
            home = self._id(piece.canonical)
            if len(parted) > 1:
                self._rebuild(piece, home)
            for identifier in piece.identifiers:
                if len(parted) > 1 or identifier in self._reopened:
                    # What was not parted stays routed as it is: the state of a merge may still be on its way.
                    new_home = home if len(parted) > 1 else ""
                    self.routes.append(
                        Route(
                            self._request.workspace, identifier.namespace, identifier.value, new_home, self._number,
                            reopen=identifier in self._reopened,
                        )
                    )  # fmt: skip

    def _reopen_refused(self, identifiers: tuple[Identifier, ...]) -> None:
        """What was not followed because these were one may be followed when it is seen again."""
        own = set(identifiers)
        others = {other: None for one in identifiers for other in self._components.refused(one)}
        self._reopened.update(one for one in identifiers if self._components.refused(one))
        for other in others:
            if other not in own:
                self.routes.append(
                    Route(self._request.workspace, other.namespace, other.value, "", self._number, reopen=True)
                )

    def rebuild(self, persons: Iterable[Identifier]) -> None:
        """Rebuild the profiles of these, too, but for those that come of the parting."""
        rebuilt = {claimant.profile_id for claimant in self.claimants}
        for person in persons:
            component = self._components.of(person)
            home = self._id(component.canonical)
            if home not in rebuilt:
                rebuilt.add(home)
                self._rebuild(component, home)

    def assign(self, device: Identifier) -> None:
        """Tell a shared device who holds it, and when; once."""
        if device in self._assigned:
            return
        self._assigned.add(device)
        held = owners(self._components.sign_ins(device))
        workspace = self._request.workspace
        self.commands.append(ProfileCommand.of(workspace, self._id(device), Attribute(self._number, device, held)))

    def warn(self, device: Identifier, losers: Iterable[Identifier]) -> None:
        """Tell those who give up events of a device: a replay that is under way may still hold some of them."""
        for loser in losers:
            for identifier in self._components.of(loser).identifiers:
                self.commands.append(
                    ProfileCommand.of(
                        self._request.workspace, self._id(identifier), Disown(self._number, device, loser)
                    )
                )

    def _forget_sign_ins(self, left: Identifier, right: Identifier) -> None:
        if any(one.status == "active" for one in self._components.evidence(left, right)):
            return
        for device, person in ((left, right), (right, left)):
            if device in self._components.devices(person):
                self._components.forget_sign_ins(device, person)

    def _rebuild(self, piece: Component, home: str) -> None:
        workspace = self._request.workspace
        identifiers = piece.identifiers
        used = dict.fromkeys(device for one in identifiers for device in self._components.devices(one))
        reattributed = tuple(device for device in used if self._components.is_attributed(device))
        self.claimants.append(Claimant(home, tuple(self._claims(identifiers, reattributed))))
        device = identifiers[0]
        held = owners(self._components.sign_ins(device)) if self._components.is_attributed(device) else ()
        self.commands.append(ProfileCommand.of(workspace, home, Rebuild(self._number, identifiers, held, reattributed)))
        for identifier in identifiers[1:]:
            self.commands.append(
                ProfileCommand.of(
                    workspace, self._id(identifier), Transfer(self._number, home, (identifier,), outdates=True)
                )
            )
        for device in reattributed:
            self.assign(device)

    def _claims(self, identifiers: tuple[Identifier, ...], reattributed: tuple[Identifier, ...]) -> Iterator[Claim]:
        """Events whose primary identifier is one of these, and those of shared devices while one of these held them."""
        for identifier in identifiers:
            yield Claim(identifier.namespace, identifier.value)
        for device in reattributed:
            held = owners(self._components.sign_ins(device))
            yield from (claim for person, claim in claims(device, held) if person in identifiers)
