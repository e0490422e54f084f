"""In which direction an event can change a condition: more events never end a count that holds."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from definitions.model import AllOf, AnyOf, Condition, EventCount, Not, Sequence
from definitions.plan import leaves, needs
from definitions.plan.accumulators import MAX_STEP_EVENTS, MAX_VALUES
from definitions.streaming.keys import KeyOf
from definitions.streaming.subject import NEVER


class Direction(NamedTuple):
    """What an event that an accumulator counts can do to a condition, at the time of its evaluation and later.

    `rises`: it can only make it hold; else only fail. `at_least`: it does nothing unless the accumulator has so many
    events with it. `below`: as long as it has fewer than that; more are not remembered, and to lose the oldest event
    changes a condition either way. `revokes`: it can cancel what would hold by itself later.
    """

    rises: bool
    at_least: int
    below: int = NEVER
    revokes: bool = False


def directions(condition: Condition, key_of: KeyOf) -> Mapping[str, Direction]:
    """Return the directions of a condition by the keys of accumulators, where all agree."""
    by_key = groupby(sorted(_directions(condition, key_of, rises=True), key=itemgetter(0)), key=itemgetter(0))
    united = ((key, _united([direction for _, direction in group])) for key, group in by_key)
    return {key: direction for key, direction in united if direction is not None}


def _united(directions: list[Direction | None]) -> Direction | None:
    known = [direction for direction in directions if direction is not None]
    if len(known) < len(directions) or len({direction.rises for direction in known}) > 1:
        return None
    return Direction(
        known[0].rises,
        min(direction.at_least for direction in known),
        min(direction.below for direction in known),
        any(direction.revokes for direction in known),
    )


def _directions(condition: Condition, key_of: KeyOf, rises: bool) -> Iterator[tuple[str, Direction | None]]:
    match condition:
        case AllOf() | AnyOf():
            for inner in condition.conditions:
                yield from _directions(inner, key_of, rises)
        case Not():
            yield from _directions(condition.condition, key_of, not rises)
        case EventCount():
            (need,) = needs(condition)
            yield key_of(need), _of_count(condition, rises)
        case Sequence():
            yield from _of_sequence(condition, key_of, rises)
        case _:
            for leaf in leaves(condition):
                for need in needs(leaf):
                    yield key_of(need), None


def _of_count(count: EventCount, rises: bool) -> Direction | None:
    if count.window.session:  # an event may begin a session, and so take others out of the window
        return None
    below = NEVER if count.same is None else MAX_VALUES
    if count.at_most is None:
        return Direction(rises, max(count.at_least or 0, 1), below)
    if not count.at_least:
        return Direction(not rises, count.at_most + 1, below)
    return None


def _of_sequence(sequence: Sequence, key_of: KeyOf, rises: bool) -> Iterator[tuple[str, Direction]]:
    needed = iter(needs(sequence))
    for step in sequence.steps:
        yield key_of(next(needed)), Direction(rises is not step.absent, 1, MAX_STEP_EVENTS, revokes=step.absent)
        if step.without is not None:
            yield key_of(next(needed)), Direction(not rises, 1, MAX_STEP_EVENTS)
