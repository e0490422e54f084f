"""Evaluations: until when those of a profile last; what is evaluated is `evaluation`'s."""

from typing import Self

from definitions import NEVER
from streams.fold.facet import Facet
from streams.fold.moment import Moment


class Evaluations(Facet):
    """When time alone may change what was evaluated.

    `untils`: by number of the item in the program, when it has to be evaluated anew; absent: never. `earliest`: of
    them. `definitions`: the fingerprint of the program by which all was evaluated.
    """

    untils: dict[int, int] = {}
    earliest: int = NEVER
    definitions: str = ""

    def lasts(self, item: int, until: int) -> bool:
        """Remember until when an evaluation lasts; return whether the earliest time has to be found anew."""
        former = self.untils.get(item, NEVER)
        if until < NEVER:
            self.untils[item] = until
        else:
            del self.untils[item]
        self.earliest = min(self.earliest, until)
        return former <= self.earliest

    def find_earliest(self) -> None:
        """Find the earliest time anew."""
        self.earliest = min(self.untils.values(), default=NEVER)

    def due(self, as_of: int) -> list[int]:
        """Return the numbers of the items that have to be evaluated anew."""
        return [item for item, until in self.untils.items() if until <= as_of]

    def end_all(self) -> None:
        """Remember nothing until the next evaluation."""
        self.untils, self.earliest = {}, NEVER

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over what lasts shorter, by the same definitions; the numbers of other ones mean something else."""
        if other.definitions > self.definitions:
            self.untils, self.definitions = dict(other.untils), other.definitions
        elif other.definitions == self.definitions:
            for item, until in other.untils.items():
                self.untils[item] = min(until, self.untils.get(item, until))
        self.find_earliest()

    def deadline(self, as_of: int) -> int:
        return self.earliest

    def retire(self, moment: Moment) -> None:
        """Forget all: whoever takes the profile over evaluates anew."""
        self.end_all()
        self.definitions = ""
