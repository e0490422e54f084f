"""Who is one person with whom, as pairs say: connected components, without rules."""

from collections.abc import Iterable, Iterator

from schemas.records import Identifier


class Partition:
    """Identifiers that no pair names stand alone. Members come in the order of `Identifier`, not of priorities."""

    def __init__(self, pairs: Iterable[tuple[Identifier, Identifier]]) -> None:
        self._above: dict[Identifier, Identifier] = {}
        for left, right in pairs:
            one, other = self.of(left), self.of(right)
            if one != other:
                self._above[max(one, other)] = min(one, other)
        self._members: dict[Identifier, list[Identifier]] = {}
        for identifier in sorted({*self._above, *self._above.values()}):
            self._members.setdefault(self.of(identifier), []).append(identifier)

    def of(self, identifier: Identifier) -> Identifier:
        """The identifier that stands for its person: the same one for all members."""
        above = self._above
        root = identifier
        while (higher := above.get(root)) is not None:
            root = higher
        while identifier != root:
            above[identifier], identifier = root, above[identifier]
        return root

    def members(self, identifier: Identifier) -> tuple[Identifier, ...]:
        """All identifiers of its person, itself too."""
        return tuple(self._members.get(self.of(identifier), (identifier,)))

    def persons(self) -> Iterator[tuple[Identifier, ...]]:
        """The persons with more than one identifier."""
        return map(tuple, self._members.values())
