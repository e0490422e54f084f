"""Ownership: whose the events of a shared device are, which folds none that is not its own, and what that changes.

Who signed in is GRAPH's to say (`identity.ownership`); the way to the owner's profile is the agent's.
"""

from typing import Self

from identity.ownership import changed, owner_at
from schemas.records import Event, Identifier, Owner
from streams.fold.facet import Facet
from streams.fold.moment import BEGINNING, Moment


class Ownership(Facet):
    """Who owns the events of the device that the profile is of, and which devices attribute events to the profile.

    `owners`: by the decision `decision`, in the order of time; none unless the profile is of a shared device.
    `attributed_until`: the time of the latest event that was attributed to an owner.
    `reattributed`: per shared device, the decision before which events it attributed to this profile may be stale.
    """

    owners: tuple[Owner, ...] = ()
    decision: int = 0
    attributed_until: int | None = None
    reattributed: dict[str, int] = {}

    def unite(self, other: Self, moment: Moment) -> None:
        self.decision, self.owners = max((self.decision, self.owners), (other.decision, other.owners))
        if other.attributed_until is not None:
            self._attribute(other.attributed_until)
        for device, decision in other.reattributed.items():
            self.reattributed[device] = max(decision, self.reattributed.get(device, 0))

    def retire(self, moment: Moment) -> None:
        """Drop the owners: they are of the device whose own profile this is."""
        self.owners, self.decision, self.attributed_until = (), 0, None

    def outlast(self) -> Self:
        """Keep which devices' events may be stale; the owners are those that the rebuild names."""
        return type(self)(reattributed=self.reattributed)

    def owner_of(self, event: Event) -> Identifier | None:
        """Say who owns an event of the device; None for every other profile."""
        return owner_at(self.owners, event.occurred_at) if self.owners else None

    def attribute(self, event: Event) -> None:
        """Remember that an event was attributed to its owner."""
        self._attribute(event.occurred_at)

    def assign(self, owners: tuple[Owner, ...], decision: int) -> tuple[Identifier, ...]:
        """Take over the owners by a newer decision; return who has events of others by the old one, or lacks some."""
        if decision <= self.decision:
            return ()
        until = BEGINNING if self.attributed_until is None else self.attributed_until
        concerned = changed(self.owners, owners, until) if self.owners else ()
        self.owners, self.decision = owners, decision
        return tuple(dict.fromkeys(person for pair in concerned for person in pair))

    def is_stale(self, device: Identifier, decision: int) -> bool:
        """Return whether the device's events were reattributed after the decision by which it attributed one."""
        return decision < self.reattributed.get(str(device), 0)

    def _attribute(self, time: int) -> None:
        if self.attributed_until is None or time > self.attributed_until:
            self.attributed_until = time
