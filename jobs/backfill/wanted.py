"""What a set of definitions lacks of the past in a workspace. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from typing import get_args

from definitions.plan import Accumulator, accumulators_of, narrowed
from definitions.sets import DefinitionSet, births_for
from jobs.backfill.protocols import Wanted
from schemas.records import ProfileKind
from warehouse.queries.definitions import sliced

_KINDS: tuple[ProfileKind, ...] = get_args(ProfileKind)


def wanted(of: DefinitionSet, workspace: str, complete_to: int) -> tuple[Wanted, ...]:
    """Return the accumulators that are not complete: of one kind and birth as many together as one query bears."""
    return tuple(each for kind in _KINDS for each in _of_kind(of, workspace, kind, complete_to))


def _of_kind(of: DefinitionSet, workspace: str, kind: ProfileKind, complete_to: int) -> Iterator[Wanted]:
    births = births_for(of, workspace, kind)
    by_birth: defaultdict[int, list[Accumulator]] = defaultdict(list)
    for accumulator in accumulators_of(narrowed(of.definitions, workspace, kind)):
        birth = births.get(accumulator.id, 0)
        if birth > complete_to:
            by_birth[birth].append(accumulator)
    for birth, accumulators in sorted(by_birth.items()):
        for some in sliced(accumulators):
            yield Wanted(workspace, kind, birth, some)
