"""The next set, and since when each accumulator of it has existed. Pure.

An accumulator is of one scope: a kind of profiles, in one workspace or in all that no definition names. So what a
segment of persons has long collected is new for devices, or for a workspace to which the segment is extended.
"""

from collections.abc import Iterator, Mapping
from typing import get_args

import msgspec

from definitions.model import Definitions, Segment, Trait, Trigger
from definitions.plan.accumulators import Accumulator, accumulators_of
from definitions.plan.narrowing import narrowed
from definitions.sets.model import DefinitionSet
from definitions.streaming.states import type_of
from schemas.records import ProfileKind

Births = Mapping[str, int]
_KINDS: tuple[ProfileKind, ...] = get_args(ProfileKind)


def next_set(
    former: DefinitionSet | None, definitions: Definitions, files: Mapping[str, str], applied_at: int, applied_by: str
) -> DefinitionSet:
    """Return the set that follows `former`, or the first one."""
    version = 1 if former is None else former.version + 1
    new = DefinitionSet(
        version,
        applied_at,
        applied_by,
        traits=definitions.traits,
        segments=definitions.segments,
        triggers=definitions.triggers,
        across=definitions.across,
        destinations=definitions.destinations,
        files=dict(files),
        consent=definitions.consent,
    )
    births = {scope: _births(scope, former, new) for scope in _scopes(former, new)}
    return msgspec.structs.replace(new, births=births)


def births_for(of: DefinitionSet, workspace: str, kind: ProfileKind) -> Births:
    """Return the births of what the definitions accumulate for profiles of a kind in a workspace."""
    return _births_of(scope_of(kind, workspace), of)


def scope_of(kind: ProfileKind, workspace: str = "") -> str:
    """Return the name of a scope."""
    return f"{kind}|{workspace}" if workspace else kind


def _scopes(former: DefinitionSet | None, new: DefinitionSet) -> Iterator[str]:
    """Yield every scope; one of a workspace that was named once remains: its births may be others."""
    scopes = dict.fromkeys(_KINDS, None) | dict.fromkeys(former.births if former else (), None)
    everything: tuple[Segment | Trait | Trigger, ...] = (*new.segments, *new.traits, *new.triggers)
    for defined in everything:
        scopes |= dict.fromkeys((scope_of(kind, name) for name in defined.workspaces for kind in _KINDS), None)
    yield from scopes


def _births(scope: str, former: DefinitionSet | None, new: DefinitionSet) -> dict[str, int]:
    known = _accumulators(scope, former) if former else {}
    births = _births_of(scope, former) if former else {}
    return {
        identity: births[identity] if identity in known and _covers(known[identity], each) else new.version
        for identity, each in _accumulators(scope, new).items()
    }


def _births_of(scope: str, of: DefinitionSet) -> Births:
    named = of.births.get(scope)
    return of.births.get(scope.partition("|")[0], {}) if named is None else named


def _accumulators(scope: str, of: DefinitionSet) -> dict[str, Accumulator]:
    kind, _, workspace = scope.partition("|")
    return {each.id: each for each in accumulators_of(narrowed(of.definitions, workspace, kind))}  # type: ignore[arg-type]


def _covers(former: Accumulator, wanted: Accumulator) -> bool:
    """Return whether what was kept so far is all that is wanted now, and in the form in which it is wanted.

    Neither readers nor seeds that are under way can do anything with a state of another type.
    """
    if type_of(former) is not type_of(wanted):
        return False
    if former.retain_ms is not None and (wanted.retain_ms is None or wanted.retain_ms > former.retain_ms):
        return False
    return former.keep >= wanted.keep and former.ordered >= wanted.ordered
