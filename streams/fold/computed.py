"""Computed traits: the values of those that are defined; what they are is for the fold to evaluate (`evaluation`).

Their size is bounded by what they are made of: lists of events, what was sent or mined, and what definitions say.
"""

from collections.abc import Collection, Mapping
from typing import Self

import msgspec

from streams.fold.facet import Facet
from streams.fold.moment import Moment

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class ComputedTraits(Facet):
    """The JSON text of each defined trait that has a value, by name."""

    texts: dict[str, str] = {}

    def decide(self, trait: str, value: object, moment: Moment) -> bool:
        """Set a trait, or unset it by None, as of the moment's time; return whether that changes it."""
        text = None if value is None else _encode(value).decode()
        if text == self.texts.get(trait):
            return False
        if text is None:
            del self.texts[trait]
        else:
            self.texts[trait] = text
        moment.out.changes_traits = True
        return True

    def begin(self, initial: Mapping[str, str]) -> None:
        """Set the traits that everybody has, by their JSON texts, before anything is evaluated."""
        self.texts = {**self.texts, **initial}

    def value(self, trait: str) -> object:
        """Return the decoded value of a trait; None where it has none."""
        return value_of(self.texts.get(trait))

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over values, which are evaluated anew where they follow from anything that is taken over."""
        for trait, text in other.texts.items():
            self.texts[trait] = max(text, self.texts.get(trait, text))

    def forget(self, moment: Moment) -> None:
        """Unset the traits that are no longer defined."""
        gone = self.texts.keys() - moment.context.program.defaults.keys()
        if gone:
            self._unset(gone)
            moment.out.changes_traits = True

    def retire(self, moment: Moment) -> None:
        """Unset all: they follow from what another profile takes over."""
        self._unset([*self.texts])

    def _unset(self, traits: Collection[str]) -> None:
        for trait in traits:
            del self.texts[trait]


def value_of(text: str | None) -> object:
    """Return the value of a trait by its JSON text; None where it has none."""
    return None if text is None else _decode(text)
