"""Which profiles a handful of changes requires to rebuild, and which events are theirs. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.changes import requires_rebuild
from schemas.records import Claim, Claimant, Identifier, IdentityChange


class WantedRebuild(NamedTuple):
    """One profile to rebuild, by one decision."""

    workspace: str
    decision: int
    claimant: Claimant


def wanted_rebuilds(changes: Iterable[IdentityChange]) -> tuple[WantedRebuild, ...]:
    """Return each profile once, as the highest of the decisions about it has it; a lower one is history by then."""
    newest: dict[tuple[str, str], WantedRebuild] = {}
    for change in changes:
        for claimant in change.claimants if requires_rebuild(change) else ():
            known = newest.get((change.workspace, claimant.profile_id))
            if known is None or change.decision > known.decision:
                newest[change.workspace, claimant.profile_id] = WantedRebuild(
                    change.workspace, change.decision, claimant
                )
    return tuple(newest.values())


class Claims:
    """The events of a profile: those whose primary identifier is claimed for the time at which they occurred."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._periods: dict[Identifier, list[tuple[int | None, int | None]]] = {}
        for claim in claims:
            identifier = Identifier(claim.namespace, claim.value)
            self._periods.setdefault(identifier, []).append((claim.since, claim.until))

    @property
    def values(self) -> tuple[str, ...]:
        """Values of all claimed identifiers: an event without any of them is not claimed."""
        return tuple(dict.fromkeys(identifier.value for identifier in self._periods))

    def hold(self, primary: Identifier, occurred_at: int) -> bool:
        """Return whether an event with this primary identifier belongs to the profile."""
        return any(
            (since is None or since <= occurred_at) and (until is None or occurred_at < until)
            for since, until in self._periods.get(primary, ())
        )
