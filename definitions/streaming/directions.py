"""In which direction an event can change a condition: more events never end a count that holds."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
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
    changes a condition either way. `revokes`: it can cancel what would hold by itself later. `waits`: it does nothing
    while the condition waits for a time.
    """

    rises: bool
    at_least: int
    below: int = NEVER
    revokes: bool = False
    waits: bool = False


class Directed(NamedTuple):
    """The segments that events of one accumulator can change in one direction alone.

    `rising`: those of which the direction has nothing but `at_least`, by that, in its order. `patient`: the numbers of
    those that rise, but not while they wait, likewise. `others`: the rest, in the same order, each its `at_least`,
    number and name with the rest of its direction. `numbers`: of all, by name; `names`: by number.
    """

    rising: tuple[tuple[int, frozenset[str]], ...]
    patient: tuple[tuple[int, frozenset[int]], ...]
    others: tuple[tuple[int, int, str, bool, int, bool, bool], ...]
    numbers: Mapping[str, int]
    names: Mapping[int, str]

    def touch(self, touched: set[int], events: int, members: Collection[str], waiting: Collection[int]) -> None:
        """Add the numbers of those that an event may change.

        `events`: how many the accumulator has with it. `members`: the segments that the profile is in. `waiting`: the
        items that time alone may change.
        """
        for at_least, segments in self.rising:
            if at_least > events:
                break
            if outside := segments.difference(members):
                touched.update(map(self.numbers.__getitem__, outside))
        for at_least, numbers in self.patient:
            if at_least > events:
                break
            for number in numbers.difference(waiting):  # seldom any
                if self.names[number] not in members:
                    touched.add(number)
        for at_least, number, segment, rises, below, revokes, waits in self.others:
            if at_least > events:
                break
            if (segment in members) is not rises:
                if not waits or number not in waiting:
                    touched.add(number)
            elif events >= below or (revokes and number in waiting):
                touched.add(number)


def directed(segments: Iterable[tuple[int, str, Direction]]) -> Directed:
    """Return the segments of an accumulator by what events can do to them."""
    rising: defaultdict[int, set[str]] = defaultdict(set)
    patient: defaultdict[int, set[int]] = defaultdict(set)
    others: list[tuple[int, int, str, bool, int, bool, bool]] = []
    numbers: dict[str, int] = {}
    for number, segment, direction in segments:
        numbers[segment] = number
        rises, at_least, below, revokes, waits = direction
        if direction == Direction(True, at_least):
            rising[at_least].add(segment)
        elif direction == Direction(True, at_least, waits=True):
            patient[at_least].add(number)
        else:
            others.append((at_least, number, segment, rises, below, revokes, waits))
    return Directed(
        tuple((at_least, frozenset(names)) for at_least, names in sorted(rising.items())),
        tuple((at_least, frozenset(group)) for at_least, group in sorted(patient.items())),
        tuple(sorted(others)),
        numbers,
        {number: name for name, number in numbers.items()},
    )


def directions(condition: Condition, key_of: KeyOf) -> Mapping[str, Direction]:
    """Return the directions of a condition by the keys of accumulators, where all agree."""
    by_key = groupby(sorted(_directions(condition, key_of, rises=True), key=itemgetter(0)), key=itemgetter(0))
    united = ((key, _united([direction for _, direction in group])) for key, group in by_key)
    waits = isinstance(condition, AllOf) and all(map(_is_decided_by_time_alone, condition.conditions))
    return {
        key: direction._replace(waits=waits and direction.rises) for key, direction in united if direction is not None
    }


def _is_decided_by_time_alone(condition: Condition) -> bool:
    """Return whether a condition that fails until a time goes on failing until then, whatever events come.

    A count of at least n that fails does not name a time; its opposite fails until enough events have left.
    """
    count = condition.condition if isinstance(condition, Not) else condition
    return isinstance(count, EventCount) and _of_count(count, rises=True) == Direction(
        True, max(count.at_least or 0, 1)
    )


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
    if count.events.sessions:  # a late event may make one of two
        return None
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
