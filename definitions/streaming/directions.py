"""In which direction an event can change a condition: more events never end a count that holds."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from definitions.model import AllOf, AnyOf, Condition, EventCount, Not
from definitions.plan import leaves, needs
from definitions.streaming.keys import KeyOf

Direction: TypeAlias = Literal["rising", "falling", "either"]


def directions(condition: Condition, key_of: KeyOf) -> tuple[frozenset[str], frozenset[str]]:
    """Return the keys of accumulators by which an event can only make a condition hold, or only make it fail."""
    found: dict[str, set[Direction]] = {}
    for key, direction in _directions(condition, key_of, rises=True):
        found.setdefault(key, set()).add(direction)
    rising = frozenset(key for key, each in found.items() if each == {"rising"})
    falling = frozenset(key for key, each in found.items() if each == {"falling"})
    return rising, falling


def _directions(condition: Condition, key_of: KeyOf, rises: bool) -> Iterator[tuple[str, Direction]]:
    match condition:
        case AllOf() | AnyOf():
            for inner in condition.conditions:
                yield from _directions(inner, key_of, rises)
        case Not():
            yield from _directions(condition.condition, key_of, not rises)
        case EventCount():
            (need,) = needs(condition)
            yield key_of(need), _direction(condition, rises)
        case _:
            for leaf in leaves(condition):
                for need in needs(leaf):
                    yield key_of(need), "either"


def _direction(count: EventCount, rises: bool) -> Direction:
    if count.same is not None or count.window.session:  # the newest 1,000 change, and sessions begin
        return "either"
    if count.at_most is None:
        return "rising" if rises else "falling"
    if not count.at_least:
        return "falling" if rises else "rising"
    return "either"
