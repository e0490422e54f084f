"""The compiled definitions as the fold uses them: segments to evaluate, and which accumulators an event goes into."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, get_args

import msgspec

from definitions.model import Definitions, Segment, TraitComparison
from definitions.plan import accumulators_of, leaves, needs, shortest_lapse_ms
from definitions.streaming.accumulators import Accumulator, compile_accumulator
from definitions.streaming.conditions import NEVER, Evaluate, compile_condition
from schemas.records import EventType, ProfileKind

Accumulators: TypeAlias = tuple[Accumulator, ...]


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
    """The segments of all workspaces, or of one.

    `destinations` are the names of all that are defined. `fingerprint` changes with whatever changes a evaluation, a
    delivery or what is remembered, and with nothing else: not with titles, comments, or the order of files.
    `shortest_lapse_ms`: how long after an event time alone may change a evaluation because of it, at the earliest;
    NEVER when it never does.
    """

    segments: tuple[CompiledSegment, ...]
    accumulators: Accumulators
    destinations: tuple[str, ...]
    fingerprint: str
    shortest_lapse_ms: int
    _definitions: Definitions = field(repr=False)
    _named: Mapping[tuple[str, str | None], Accumulators] = field(repr=False)
    _typed: Mapping[str, Accumulators] = field(repr=False)

    def accumulators_for(self, event_type: str, event_name: str | None) -> Accumulators:
        """Those that may count such an event; whether one does, its `matches` says."""
        named = self._named.get((event_type, event_name))
        return self._typed.get(event_type, ()) if named is None else named

    def of(self, workspace: str, kind: ProfileKind) -> "Program":
        """Return the segments for profiles of a kind in a workspace. Compiles anew: call it once for each."""
        kept = tuple(
            msgspec.structs.replace(segment, workspaces=())
            for segment in self._definitions.segments
            if segment.kind == kind and (not segment.workspaces or workspace in segment.workspaces)
        )
        return compile_program(msgspec.structs.replace(self._definitions, segments=kept))


def compile_program(definitions: Definitions) -> Program:
    """The program of all workspaces; narrow it by `of`."""
    accumulators = tuple(map(compile_accumulator, accumulators_of(definitions)))
    lapse_ms = shortest_lapse_ms(definitions)
    calls = {(call.type, call.name) for each in accumulators for call in each.events.calls if call.type and call.name}
    return Program(
        segments=tuple(map(_compile_segment, definitions.segments)),
        accumulators=accumulators,
        destinations=tuple(destination.name for destination in definitions.destinations),
        fingerprint=_fingerprint(definitions),
        shortest_lapse_ms=NEVER if lapse_ms is None else lapse_ms,
        _definitions=definitions,
        _named={call: _candidates(accumulators, *call) for call in calls},
        _typed={event_type: _candidates(accumulators, event_type, None) for event_type in get_args(EventType)},
    )


def _candidates(accumulators: Accumulators, type_name: str, name: str | None) -> Accumulators:
    return tuple(
        each
        for each in accumulators
        if not each.events.calls
        or any(call.type in {None, type_name} and call.name in {None, name} for call in each.events.calls)
    )


def _compile_segment(segment: Segment) -> CompiledSegment:
    conditions = list(leaves(segment.when))
    return CompiledSegment(
        name=segment.name,
        destinations=segment.destinations,
        reads=frozenset(need.id for condition in conditions for need in needs(condition)),
        traits_read=frozenset(condition.path[0] for condition in conditions if isinstance(condition, TraitComparison)),
        evaluate=compile_condition(segment.when),
    )


def _fingerprint(definitions: Definitions) -> str:
    segments = [(each.name, each.when, each.kind, each.workspaces, each.destinations) for each in definitions.segments]
    destinations = [(each.name, each.type) for each in definitions.destinations]
    return hashlib.blake2b(msgspec.json.encode((segments, destinations)), digest_size=16).hexdigest()
