"""Since when destinations have a receiver: what lay on a topic before their first one is nothing to it. Pure."""

from collections.abc import Iterable, Mapping

from definitions.sets.model import DefinitionSet


def receiving_since(sets: Iterable[DefinitionSet]) -> Mapping[str, int]:
    """Return when (ms) each destination got its first receiver that was its topic alone before, by each of its names.

    `sets`: all that were applied, in the order of versions. Of one that has had a receiver since it is known there is
    none: whatever lies on its topic is for that. So it is of one whose receiver is taken out and put back: who was sent
    an entry before is to be sent the exit that came meanwhile.
    """
    alone: set[str] = set()
    received: set[str] = set()
    since: dict[str, int] = {}
    for of in sets:
        for each in of.destinations:
            names = {*each.names}
            if each.receiver is None:
                alone |= names if not names & received else set()
                continue
            if alone & names:
                since |= dict.fromkeys(names - received, of.applied_at)
            alone -= names
            received |= names
    return since
