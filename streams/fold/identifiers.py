"""The identifiers of a profile, strongest first; which identifiers belong together is left to GRAPH."""

from collections.abc import Collection, Iterable
from itertools import starmap
from typing import Self

from identity.rules import IdentityRules
from schemas.records import Event, Identifier, Profile
from streams.fold.facet import NOTHING, Facet
from streams.fold.moment import FoldContext, Moment


class Identifiers(Facet):
    """The (namespace, value) pairs that the profile has taken in, strongest first."""

    pairs: list[tuple[str, str]] = []

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Take the primary identifier, which is the first. The others wait until GRAPH has accepted them."""
        if moment.adds_identifier and event.identifiers:
            primary = event.identifiers[0]
            if (primary.namespace, primary.value) not in self.pairs:
                self.take((primary,), moment.context.rules)
        return NOTHING

    def unite(self, other: Self, moment: Moment) -> None:
        self.take(other.listed(), moment.context.rules)

    def render(self, record: Profile, context: FoldContext, as_of: int) -> None:
        record.identifiers = self.listed()

    def has(self, identifier: Identifier) -> bool:
        """Return whether the profile has taken an identifier in."""
        return (identifier.namespace, identifier.value) in self.pairs

    def take(self, identifiers: Iterable[Identifier], rules: IdentityRules) -> None:
        """Take identifiers in, each once."""
        added = {(each.namespace, each.value) for each in identifiers}.difference(self.pairs)
        if added:
            self.pairs += added
            if len(self.pairs) > 1:
                self.pairs.sort(key=lambda pair: rules.rank(Identifier(*pair)))

    def listed(self) -> tuple[Identifier, ...]:
        """Return the identifiers as records carry them."""
        return tuple(starmap(Identifier, self.pairs))
