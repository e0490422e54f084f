"""Which changes and triggers a destination was to hear, by the definitions of then. Pure; finding them is a query's.

Only destinations with a receiver: one that is its topic alone is read by others, whose matter it is what becomes of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from definitions.destinations import Destination
from definitions.model import AcrossTrigger, Trigger
from definitions.sets import DefinitionSet

Names: TypeAlias = Mapping[str, tuple[str, ...]]
"""By the last name of each destination all names that it had, in their order: that one is at the end."""

ADOPTED_WITHIN_MS = 600_000
"""Triggers do not say by which version they fired: within this time after a set was applied, either may be meant."""


class ExpectedChanges(msgspec.Struct, frozen=True):
    """That a destination was to hear of changes of a segment decided by a version, before `until` (ms, system's time).

    `until`: when a set was applied that does not send them there any more; None: that has not happened.
    """

    destination: str
    segment: str
    version: int
    changes: tuple[str, ...]
    until: int | None = None


class ExpectedTriggers(msgspec.Struct, frozen=True):
    """That a destination was to hear of a trigger that was decided from `since` on, before `until`."""

    destination: str
    trigger: str
    since: int
    until: int | None = None


def expected_changes(sets: Sequence[DefinitionSet]) -> Iterator[ExpectedChanges]:
    """Yield what was to be sent of segments, for each of all sets that were applied, in the order of versions.

    Of a segment that a set does not have any more the exits are sent to whom the last one that had it names.
    """
    sent = list(_sent_of_segments(sets))
    for at, of in enumerate(sets):
        for (destination, segment), changes in sent[at].items():
            later = zip(sets[at + 1 :], sent[at + 1 :], strict=True)
            until = next((other.applied_at for other, pairs in later if (destination, segment) not in pairs), None)
            yield ExpectedChanges(destination, segment, of.version, changes, until)


def expected_triggers(sets: Sequence[DefinitionSet]) -> Iterator[ExpectedTriggers]:
    """Yield what was to be sent of triggers: each period in which all sets that were applied say so."""
    sent = [_sent_of_triggers(each) for each in sets]
    for pair in sorted(set().union(*sent)):
        since: int | None = None
        for of, pairs in zip(sets, sent, strict=True):
            if pair in pairs and since is None:
                since = of.applied_at + ADOPTED_WITHIN_MS
            elif pair not in pairs and since is not None:
                yield ExpectedTriggers(*pair, since, of.applied_at)
                since = None
        if since is not None:
            yield ExpectedTriggers(*pair, since)


def addressed_by(sets: Sequence[DefinitionSet], name: str, change: str, version: int) -> set[str]:
    """Return the destinations that a change of a segment goes to, decided by a version, or a trigger that fired.

    A trigger does not say by which version: those of the last set.
    """
    if change == "fired":
        return {to for to, trigger in (_sent_of_triggers(sets[-1]) if sets else ()) if trigger == name}
    sent = zip(sets, _sent_of_segments(sets), strict=True)
    pairs = next((pairs for of, pairs in sent if of.version == version), {})
    return {to for (to, segment), changes in pairs.items() if segment == name and change in changes}


def names_by_destination(sets: Sequence[DefinitionSet]) -> dict[str, tuple[str, ...]]:
    """Return the names of each destination that any set defines, in the order of versions."""
    names: dict[str, tuple[str, ...]] = {}
    for of in sets:
        for each in receiving(of.destinations).values():
            for former in each.names:
                names.pop(former, None)
            names[each.name] = (*(name for name in each.names if name != each.name), each.name)
    return names


def receiving(destinations: Iterable[Destination]) -> dict[str, Destination]:
    """Return those with a receiver, by name."""
    return {each.name: each for each in destinations if each.receiver is not None}


def _sent_of_segments(sets: Iterable[DefinitionSet]) -> Iterator[dict[tuple[str, str], tuple[str, ...]]]:
    """Yield for each set, by destination and segment, the changes that are sent."""
    named: dict[str, tuple[str, ...]] = {}
    for of in sets:
        named |= {segment.name: segment.destinations for segment in of.segments}
        known = receiving(of.destinations)
        yield {
            (name, segment): changes
            for segment, names in named.items()
            for name in names
            if name in known
            if (changes := tuple(change for change in ("entered", "exited") if change in known[name].changes))
        }


def _sent_of_triggers(of: DefinitionSet) -> set[tuple[str, str]]:
    known = {name: each for name, each in receiving(of.destinations).items() if "fired" in each.changes}
    triggers: Iterable[Trigger | AcrossTrigger] = (*of.triggers, *of.across)
    return {(name, each.name) for each in triggers for name in each.destinations if name in known}
