"""The identifiers of a profile, strongest first; which identifiers belong together is left to GRAPH."""

from collections.abc import Iterable
from itertools import starmap

from identity.rules import IdentityRules
from schemas.records import Identifier


def add_primary(known: list[tuple[str, str]], identifiers: tuple[Identifier, ...], rules: IdentityRules) -> None:
    """Add the primary identifier of an event, which is the first. The others wait until GRAPH has accepted them."""
    unite(known, ((primary.namespace, primary.value) for primary in identifiers[:1]), rules)


def unite(known: list[tuple[str, str]], others: Iterable[tuple[str, str]], rules: IdentityRules) -> None:
    """Take over identifiers."""
    added = set(others).difference(known)
    if added:
        known += added
        if len(known) > 1:
            known.sort(key=lambda pair: rules.rank(Identifier(*pair)))


def listed(known: Iterable[tuple[str, str]]) -> tuple[Identifier, ...]:
    """The identifiers as records carry them."""
    return tuple(starmap(Identifier, known))
