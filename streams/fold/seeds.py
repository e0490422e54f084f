"""Seeds: what a back-fill has computed of the past, kept beside the live states until it is complete."""

from collections.abc import Collection, Iterator
from typing import Self

import msgspec

from schemas.records import Seed
from streams.fold.facet import Facet
from streams.fold.moment import Moment


class PendingSeed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The states of one attempt, by the keys of accumulators; the newest of them is born at `version`."""

    attempt: str
    version: int
    states: dict[str, msgspec.Raw]

    @classmethod
    def of(cls, seed: Seed) -> Self:
        """Return what a profile keeps of a seed."""
        return cls(seed.attempt, seed.version, {key: msgspec.Raw(encoded) for key, encoded in seed.states.items()})


class Seeds(Facet):
    """The seeds by the profile that each was computed for: a merge brings those of the other profile along."""

    pending: dict[str, PendingSeed] = {}

    def take(self, origin: str, seed: PendingSeed) -> None:
        """Keep a seed, which may come in parts: a later attempt's in the place of an earlier one's."""
        known = self.pending.get(origin)
        if known is None or known.attempt < seed.attempt:
            self.pending[origin] = seed
        elif known.attempt == seed.attempt:
            self.pending[origin] = PendingSeed(seed.attempt, seed.version, known.states | seed.states)

    def is_due(self, complete_to: int) -> bool:
        """Return whether the back-fill that some seed came of is complete."""
        return any(seed.version <= complete_to for seed in self.pending.values())

    def take_out(self, complete_to: int, attempts: Collection[str]) -> Iterator[dict[str, msgspec.Raw]]:
        """Yield the states to be united with the live ones, of the attempts that count; drop those of the others."""
        due = [origin for origin, seed in self.pending.items() if seed.version <= complete_to]
        for seed in [self.pending.pop(origin) for origin in due]:
            if seed.attempt in attempts:
                yield seed.states

    def unite(self, other: Self, moment: Moment) -> None:
        for origin, seed in other.pending.items():
            self.take(origin, seed)
