"""By what a receiver of states finds people that two profiles may have: there one may take out the other. Pure.

Of identifiers PROFILE knows whose they are, and says once more who is there (docs/decisions/0042); of traits it does
not: that these may collide is said to whoever defines it, and `onefold destination sync` repairs it while the one who
left has the trait.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from definitions.destinations import Destination
from definitions.mapping import IDENTIFIERS, PROFILE, Entry, Fields, Items, Leaf, Selected, Text, leaves_of
from definitions.receivers.kafka import Kafka
from definitions.receivers.kinds import found_by
from definitions.receivers.sql import Sql
from definitions.receivers.webhook import Webhook

_TRAITS = "traits"
_IN_TEMPLATE = re.compile(r"\btraits\.(\w+)")


class SharedKeys(NamedTuple):
    """What is read of people. `namespaces`: of their identifiers, None for any; `traits`: paths, each from its name."""

    namespaces: frozenset[str] | None = frozenset()
    traits: frozenset[tuple[str, ...]] = frozenset()

    @property
    def are_none(self) -> bool:
        """Whether no two profiles can have the same."""
        return self == SharedKeys()


def shared_keys(destination: Destination) -> SharedKeys:
    """Return by what a destination finds people that two profiles may have; nothing where it takes events."""
    leaves = set(_leaves(destination))
    if isinstance(destination.receiver, Sql | Webhook | Kafka) and any(map(_names_profile, leaves)):
        return SharedKeys()  # each profile has rows of its own
    namespaces: set[str] | None = set()
    traits: set[tuple[str, ...]] = set()
    for leaf in leaves:
        match leaf:
            case Selected(path=(root, *rest)) if root == IDENTIFIERS:
                namespaces = None if namespaces is None or not rest else {*namespaces, rest[0]}
            case Selected(path=(root,)) if root == _TRAITS:
                traits |= {(name,) for name in destination.traits}
            case Selected(path=(root, *rest)) if root == _TRAITS:
                traits.add(tuple(rest))
            case Text(template=text):
                namespaces = None if IDENTIFIERS in text else namespaces
                traits |= {(name,) for name in _IN_TEMPLATE.findall(text)}
    return SharedKeys(None if namespaces is None else frozenset(namespaces), frozenset(traits))


def shared_traits(destination: Destination) -> Iterator[str]:
    """Yield what comes of it, for each trait by which a destination finds people."""
    for path in sorted(shared_keys(destination).traits):
        yield (
            f"people are found there by the trait {'.'.join(path)}: of two who have the same, one who leaves a segment "
            f"takes out the other: map an identifier, or repair it by `onefold destination sync {destination.name}`, "
            "while the one who left still has it"
        )


def _leaves(destination: Destination) -> Iterator[Leaf]:
    if destination.receiver is None or destination.holds != "states":
        return
    if isinstance(destination.receiver, Webhook | Kafka):
        yield from _leaves_of_own(destination.mapping)
        return
    fields = found_by(destination.receiver)
    for name, entry in destination.mapping.entries:
        if name in fields:
            yield from leaves_of(entry)


def _leaves_of_own(body: Fields) -> Iterator[Leaf]:
    """Yield by what somebody's own receiver may find people: all that says who it is; traits where nothing else does.

    Beside an identifier they are what is told of somebody, unless they stand in for it.
    """
    values = [tuple(leaves_of(each)) for each in _values_of(body)]
    yield from chain.from_iterable([each for each in values if any(map(_names_somebody, each))] or values)


def _values_of(entry: Entry) -> Iterator[Entry]:
    match entry:
        case Fields(entries=named):
            yield from (value for _, each in named for value in _values_of(each))
        case Items(entries=entries):
            yield from (value for each in entries for value in _values_of(each))
        case _:
            yield entry


def _names_somebody(leaf: Leaf) -> bool:
    match leaf:
        case Selected(path=(root, *_)):
            return root == IDENTIFIERS or _names_profile(leaf)
        case Text(template=text):
            return IDENTIFIERS in text or _names_profile(leaf)
    return False


def _names_profile(leaf: Leaf) -> bool:
    return leaf == Selected((PROFILE, "id")) or (isinstance(leaf, Text) and f"{PROFILE}.id" in leaf.template)
