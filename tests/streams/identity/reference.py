"""A naive model of who is who, for tests: no store, no shortcuts, only the rules as the documentation words them."""

from collections.abc import Sequence

from schemas.records import Identifier

_STRENGTH = {"user_id": 0, "email": 1, "cookie": 2, "anonymous_id": 3}


def strength(identifier: Identifier) -> tuple[int, str]:
    """Sort key of the namespaces that these tests use, written down once more on purpose."""
    return (_STRENGTH[identifier.namespace], identifier.value)


class Persons:
    """Sets of identifiers. `together` tries all identifiers, then drops the weakest until no limit is broken."""

    def __init__(self, max_size: int = 1_000) -> None:
        self._max_size = max_size
        self._sets: list[frozenset[Identifier]] = []
        self.limit_was_hit = False

    def together(self, identifiers: Sequence[Identifier]) -> None:
        kept = sorted(identifiers, key=strength)
        while not self._fits(united := frozenset().union(*map(self.person_of, kept))):
            self.limit_was_hit = True
            kept.pop()
            if len(kept) == 1:
                return
        self._sets = [known for known in self._sets if not known & united] + [united]

    def person_of(self, identifier: Identifier) -> frozenset[Identifier]:
        return next((known for known in self._sets if identifier in known), frozenset({identifier}))

    def canonical_of(self, identifier: Identifier) -> Identifier:
        return min(self.person_of(identifier), key=strength)

    def _fits(self, united: frozenset[Identifier]) -> bool:
        users = sum(identifier.namespace == "user_id" for identifier in united)
        return users <= 1 and len(united) <= self._max_size
