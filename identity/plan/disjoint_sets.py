"""Who is one person with whom, as pairs say: connected components, without rules."""

from collections.abc import Iterable, Iterator

from schemas.records import Identifier


class DisjointSets:
    """Identifiers that no pair names stand alone. Members come in the order of `Identifier`, not of priorities."""

    def __init__(self, pairs: Iterable[tuple[Identifier, Identifier]]) -> None:
        self._above: dict[Identifier, Identifier] = {}
        for left, right in pairs:
            roots = self.root_of(left), self.root_of(right)
            if roots[0] != roots[1]:
                self._above[max(roots)] = min(roots)
        self._members: dict[Identifier, list[Identifier]] = {}
        for identifier in sorted({*self._above, *self._above.values()}):
            self._members.setdefault(self.root_of(identifier), []).append(identifier)

    def root_of(self, identifier: Identifier) -> Identifier:
        """Return the identifier that stands for its person: the same for all members."""
        above = self._above
        root = identifier
        while (higher := above.get(root)) is not None:
            root = higher
        while identifier != root:
            above[identifier], identifier = root, above[identifier]
        return root

    def members(self, identifier: Identifier) -> tuple[Identifier, ...]:
        """Return all identifiers of its person, itself too."""
        return tuple(self._members.get(self.root_of(identifier), (identifier,)))

    def persons(self) -> Iterator[tuple[Identifier, ...]]:
        """Yield the persons with more than one identifier."""
        return map(tuple, self._members.values())
