"""Addresses: the identifiers by which a receiver of states knows a person, as a destination's mapping says. Pure.

Identifiers move from one profile to another, by merges and unmerges; what a receiver holds goes by addresses. When that
makes something to be said is left to PROFILE (docs/decisions/0042).
"""

from collections.abc import Iterable
from functools import lru_cache

from definitions.destinations import Destination
from definitions.mapping import IDENTIFIERS, OPEN_ROOTS, Fields, Selected, Text, leaves_of
from schemas.records import Identifier

_KEPT = 256
_SHARED = (IDENTIFIERS, *OPEN_ROOTS)
"""What of an activation another profile may say as well; all else is the profile's own."""


def addresses(destination: Destination, identifiers: Iterable[Identifier]) -> tuple[Identifier, ...]:
    """Return those of the identifiers that the mapping reads, in their order."""
    namespaces = _namespaces(destination.mapping)
    return tuple(each for each in identifiers if namespaces is None or each.namespace in namespaces)


def has_addresses(destination: Destination) -> bool:
    """Return whether the mapping reads any identifiers."""
    return _namespaces(destination.mapping) != frozenset()


def may_name_another(destination: Destination) -> bool:
    """Return whether what the mapping reads of one profile may be another one's as well, now or later."""
    for leaf in leaves_of(destination.mapping):
        match leaf:
            case Selected(path=(root, *_)) if root in _SHARED:
                return True
            case Text(template=text) if any(root in text for root in _SHARED):
                return True
    return False


@lru_cache(_KEPT)
def _namespaces(mapping: Fields) -> frozenset[str] | None:
    """Return the namespaces of the identifiers that a mapping reads; None: any."""
    found = set()
    for leaf in leaves_of(mapping):
        match leaf:
            case Selected(path=(root, *rest)) if root == IDENTIFIERS:
                if not rest:
                    return None
                found.add(rest[0])
            case Text(template=text) if IDENTIFIERS in text:
                return None
    return frozenset(found)
