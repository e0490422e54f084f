"""Mined traits: the values that queries of the warehouse have found of a profile; running them is `jobs.mining`'s."""

from typing import Self

import msgspec

from definitions.streaming.scalars import rank
from streams.fold.facet import Facet
from streams.fold.moment import Moment

_decode = msgspec.json.Decoder().decode


class Mined(Facet):
    """The JSON text of the value that was found last, by trait."""

    texts: dict[str, str] = {}

    def take(self, trait: str, text: str | None) -> bool:
        """Keep what was found in the place of what was before, None: nothing; return whether that is another text."""
        if text == self.texts.get(trait):
            return False
        if text is None:
            del self.texts[trait]
        else:
            self.texts[trait] = text
        return True

    def take_greater(self, trait: str, text: str) -> bool:
        """Keep what was found of a profile that has become part of this one, if it is the greater of both values."""
        return self.take(trait, max(text, self.texts.get(trait, text), key=_order))

    def value(self, trait: str) -> object:
        """Return the decoded value of a trait; None where nothing was found."""
        text = self.texts.get(trait)
        return None if text is None else _decode(text)

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over what was found of the other profile; of two values the greater, until the query runs again."""
        for trait, text in other.texts.items():
            self.take_greater(trait, text)

    def forget(self, moment: Moment) -> None:
        """Drop the values of traits that no query is defined for any more."""
        for trait in self.texts.keys() - moment.context.program.mined.keys():
            del self.texts[trait]

    def outlast(self) -> Self:
        """Keep all: no event says what a query has found."""
        return self


def _order(text: str) -> tuple[tuple[int, str | float], str]:
    """Return what orders values as aggregates do, lists behind them by their texts."""
    value = _decode(text)
    return (rank(value) if isinstance(value, str | int | float) else (3, "")), text
