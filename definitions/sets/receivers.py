"""Since when destinations have the receiver that they have: what lay on a topic before is nothing to it. Pure."""

from collections.abc import Iterable, Mapping

from definitions.sets.model import DefinitionSet


def receiving_since(sets: Iterable[DefinitionSet]) -> Mapping[str, int]:
    """Return when (ms) each destination got a receiver that was its topic alone before, by each of its names.

    `sets`: all that were applied, in the order of versions. Of one that has had a receiver ever since it is known there
    is none: whatever lies on its topic is for that.
    """
    alone: set[str] = set()
    since: dict[str, int] = {}
    for of in sets:
        for each in of.destinations:
            if each.receiver is None:
                alone |= {*each.names}
            elif alone & {*each.names}:
                alone -= {*each.names}
                since |= dict.fromkeys(each.names, of.applied_at)
    return since
