"""Which triggers across persons are in effect in a workspace, and since when. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from definitions.across import meaning_of
from definitions.destinations import Destination
from definitions.model import AcrossTrigger
from definitions.sets import DefinitionSet, Publication


class Defined(NamedTuple):
    """A trigger in effect; `since`: when (ms, the system's time) a set that says so was applied first.

    `destinations`: all that are defined.
    """

    trigger: AcrossTrigger
    since: int
    destinations: tuple[Destination, ...]


def in_effect(publication: Publication, workspace: str, partitions: int) -> tuple[Defined, ...]:
    """Return the triggers of the newest set of which everything is complete."""
    newest = publication.evaluated(workspace, partitions)
    if newest is None or not newest.across:
        return ()
    return tuple(
        Defined(trigger, _since(publication, newest, trigger), newest.destinations)
        for trigger in newest.across
        if not trigger.workspaces or workspace in trigger.workspaces
    )


def _since(publication: Publication, newest: DefinitionSet, trigger: AcrossTrigger) -> int:
    since = newest.applied_at
    for earlier in sorted(publication.up_to(newest), key=lambda each: -each.version):
        if meaning_of(trigger) not in _meanings(earlier, trigger.name):
            break
        since = earlier.applied_at
    return since


def _meanings(of: DefinitionSet, name: str) -> Iterator[str]:
    return (meaning_of(trigger) for trigger in of.across if trigger.name == name)
