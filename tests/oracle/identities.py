"""Who is who, decided one request after the other over plain sets; slow, and for tests only. Knows no `streams`."""

import uuid
from collections.abc import Iterable

from schemas.records import Identifier

STRENGTH = ("user_id", "phone", "email", "anonymous_id")
"""The namespaces that the oracle's stream uses, strongest first."""


def strength(identifier: Identifier) -> tuple[int, str]:
    """Sort key; the smallest of a person is the canonical identifier."""
    return STRENGTH.index(identifier.namespace), identifier.value


def profile_id(namespace: uuid.UUID, members: Iterable[Identifier]) -> str:
    """The id that follows from the canonical identifier alone."""
    canonical = min(members, key=strength)
    return str(uuid.uuid5(namespace, f"{canonical.namespace}:{canonical.value}"))


def persons(requests: Iterable[Iterable[Identifier]]) -> list[frozenset[Identifier]]:
    """The components after all requests; an identifier in none of them stands alone.

    A request unites all that it names, unless somebody would get two user ids: then its weakest identifier is left
    out, and so on until the rest fits.
    """
    components: list[frozenset[Identifier]] = []
    for request in requests:
        kept = sorted(set(request), key=strength)
        united = _united(components, kept)
        while sum(member.namespace == "user_id" for member in united) > 1:
            kept.pop()
            united = _united(components, kept)
        components = [component for component in components if not component & united] + [united]
    return components


def _united(components: list[frozenset[Identifier]], identifiers: list[Identifier]) -> frozenset[Identifier]:
    touched = [component for component in components if not component.isdisjoint(identifiers)]
    return frozenset(identifiers).union(*touched)
