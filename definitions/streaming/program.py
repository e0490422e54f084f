"""The compiled definitions as the fold uses them: segments to evaluate, and which accumulators an event goes into."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias, get_args

import msgspec

from definitions.model import Definitions, EventCount, Segment, TraitComparison
from definitions.streaming.accumulators import Accumulator, accumulator_id, accumulators_of
from definitions.streaming.conditions import Evaluate, compile_condition, leaves
from schemas.records import EventType

Accumulators: TypeAlias = tuple[Accumulator, ...]
_EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)


@dataclass(frozen=True, slots=True)
class CompiledSegment:
    """`reads`: ids of the accumulators, `traits_read`: names of the traits that `evaluate` may look at, and no others.

    `evaluate(windows, traits, now)` takes the times of matching events, newest first, by accumulator id (a missing one
    has none), the decoded traits, and a time that no event is later than.
    """

    name: str
    destinations: tuple[str, ...]
    reads: frozenset[str]
    traits_read: frozenset[str]
    evaluate: Evaluate = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Program:
    """All segments of one workspace, or (as compiled) of those workspaces that no segment names.

    `destinations` are the names of all that are defined. `fingerprint` changes with whatever changes a verdict, a
    delivery or what is remembered, and with nothing else: not with titles, comments, or the order of files.
    """

    segments: tuple[CompiledSegment, ...]
    accumulators: Accumulators
    destinations: tuple[str, ...]
    fingerprint: str
    _named: Mapping[tuple[str, str | None], Accumulators] = field(repr=False)
    _typed: Mapping[str, Accumulators] = field(repr=False)
    _workspaces: Mapping[str, "Program"] = field(repr=False)

    def accumulators_for(self, event_type: str, event_name: str | None) -> Accumulators:
        """Those that may count such an event; whether one does, its `matches` says."""
        named = self._named.get((event_type, event_name))
        return self._typed.get(event_type, ()) if named is None else named

    def for_workspace(self, name: str) -> "Program":
        """The program of a workspace: its own segments and those that are for all."""
        return self._workspaces.get(name, self)


def compile_program(definitions: Definitions) -> Program:
    """Compile once at the start; every workspace gets the accumulators of its own segments only."""
    named = {workspace for segment in definitions.segments for workspace in segment.workspaces}
    restricted = {workspace: _program(definitions, workspace, {}) for workspace in sorted(named)}
    return _program(definitions, None, restricted)


def _program(definitions: Definitions, workspace: str | None, restricted: Mapping[str, Program]) -> Program:
    segments = [known for known in definitions.segments if not known.workspaces or workspace in known.workspaces]
    conditions = [leaf for segment in segments for leaf in leaves(segment.when)]
    accumulators = accumulators_of(leaf for leaf in conditions if isinstance(leaf, EventCount))
    destinations = tuple(destination.name for destination in definitions.destinations)
    typed: dict[str, Accumulators] = {name: _candidates(accumulators, name, None) for name in _EVENT_TYPES}
    names = {each.events.name for each in accumulators} - {None}
    named: dict[tuple[str, str | None], Accumulators] = {
        (type_name, name): _candidates(accumulators, type_name, name) for type_name in typed for name in names
    }
    return Program(
        segments=tuple(map(_compile_segment, segments)),
        accumulators=accumulators,
        destinations=destinations,
        fingerprint=_fingerprint(segments, restricted, destinations),
        _named=MappingProxyType(named),
        _typed=MappingProxyType(typed),
        _workspaces=MappingProxyType(dict(restricted)),
    )


def _candidates(accumulators: Accumulators, type_name: str, name: str | None) -> Accumulators:
    return tuple(
        each for each in accumulators if each.events.type in (None, type_name) and each.events.name in (None, name)
    )


def _compile_segment(segment: Segment) -> CompiledSegment:
    parts = list(leaves(segment.when))
    return CompiledSegment(
        name=segment.name,
        destinations=segment.destinations,
        reads=frozenset(accumulator_id(part.events) for part in parts if isinstance(part, EventCount)),
        traits_read=frozenset(part.path[0] for part in parts if isinstance(part, TraitComparison)),
        evaluate=compile_condition(segment.when),
    )


def _fingerprint(segments: Iterable[Segment], restricted: Mapping[str, Program], destinations: tuple[str, ...]) -> str:
    meant = [(segment.name, segment.when, segment.destinations) for segment in segments]
    others = [(workspace, program.fingerprint) for workspace, program in restricted.items()]
    return hashlib.blake2b(msgspec.json.encode((meant, others, destinations)), digest_size=16).hexdigest()
