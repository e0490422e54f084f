"""The compiled definitions as the fold uses them: which accumulators an event goes into, and what is evaluated when."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from definitions.consent import NO_RULES
from definitions.destinations import Destination
from definitions.model import Definitions, Mining, Trigger
from definitions.plan import Accumulator, accumulators_of, narrowed, shortest_lapse_ms
from definitions.streaming.accumulators import CompiledAccumulator, compile_accumulator, state_key
from definitions.streaming.consent import UNDEFINED, CompiledConsent, consent_for
from definitions.streaming.directions import Directed, Direction, directed
from definitions.streaming.gates import Gates
from definitions.streaming.items import CompiledSegment, CompiledTrait, Item, compile_items, found_of, values_of_nothing
from definitions.streaming.keys import keys_of
from definitions.streaming.subject import NEVER
from definitions.streaming.thresholds import Distinctions, TraitReaders, readers_of_trait
from definitions.streaming.triggers import CompiledTrigger
from schemas.consent import ALL
from schemas.records import ProfileKind

Accumulators: TypeAlias = tuple[CompiledAccumulator, ...]


@dataclass(frozen=True)
class Program:
    """The definitions of all workspaces, or of one and a kind of profiles.

    `items`: traits, segments and triggers in the order of their dependencies; their numbers are the same as long as the
    `fingerprint` is. It changes with whatever changes an evaluation, a delivery or what is remembered, and with nothing
    else: not with titles, comments, or the order of files. `destinations` are the names of all that are defined.
    `shortest_lapse_ms`: how long after an event time alone may change an evaluation because of it, at the earliest.
    `defaults`: by defined trait, what is read where a profile has no value of it. `own`: the accumulators that items
    read; `accumulators` may be more.
    """

    items: tuple[Item, ...]
    accumulators: Accumulators
    own: Accumulators
    destinations: tuple[str, ...]
    shortest_lapse_ms: int
    defaults: Mapping[str, object] = field(repr=False)
    _definitions: Definitions = field(repr=False)
    _births: Mapping[str, int] = field(repr=False)

    @cached_property
    def fingerprint(self) -> str:
        """A text that changes with what the program does."""
        return _fingerprint(self._definitions, {each.key: each.planned for each in self.own})

    @cached_property
    def segments(self) -> tuple[CompiledSegment, ...]:
        """The segments, in the order of their dependencies."""
        return tuple(item for item in self.items if isinstance(item, CompiledSegment))

    @cached_property
    def segment_names(self) -> frozenset[str]:
        """The names of the segments."""
        return frozenset(segment.name for segment in self.segments)

    @cached_property
    def traits(self) -> tuple[CompiledTrait, ...]:
        """The traits that are evaluated, in the order of their dependencies."""
        return tuple(item for item in self.items if isinstance(item, CompiledTrait))

    @cached_property
    def triggers(self) -> tuple[CompiledTrigger, ...]:
        """All triggers."""
        return tuple(item for item in self.items if isinstance(item, CompiledTrigger))

    @cached_property
    def mined(self) -> Mapping[str, tuple[int, ...]]:
        """The traits that queries find, each with the numbers of the items to evaluate when one has found something."""
        names = [trait.name for trait in self._definitions.traits if isinstance(trait.value, Mining)]
        return {name: self.readers.get(found_of(name), ()) for name in names}

    @cached_property
    def trigger_destinations(self) -> Mapping[str, tuple[Destination, ...]]:
        """By trigger, where it is sent when it fires."""
        defined = {each.name: each for each in self._definitions.destinations}
        return {
            trigger.name: tuple(map(defined.__getitem__, trigger.definition.destinations)) for trigger in self.triggers
        }

    @cached_property
    def _on_events(self) -> tuple[CompiledTrigger, ...]:
        return tuple(each for each in self.triggers if each.definition.on is not None)

    def triggers_on(self, event_type: str, event_name: str | None) -> tuple[CompiledTrigger, ...]:
        """Return the triggers that may be about such an event; whether one is, its `matches` says."""
        if not self._on_events:
            return ()
        call = (event_type, event_name if (event_type, event_name) in self._trigger_calls else None)
        known = self._triggers_by_call.get(call)
        if known is None:
            known = self._triggers_by_call[call] = tuple(each for each in self._on_events if _is_about(each, *call))
        return known

    @cached_property
    def _trigger_calls(self) -> frozenset[tuple[str | None, str | None]]:
        return frozenset(
            (call.type, call.name) for each in self._on_events if (on := each.definition.on) for call in on.calls
        )

    @cached_property
    def _triggers_by_call(self) -> dict[tuple[str, str | None], tuple[CompiledTrigger, ...]]:
        return {}

    @cached_property
    def needs_zones(self) -> bool:
        """Whether anything depends on the time zone that a person is in: what is sent somewhere does."""
        return bool(self._definitions.destinations) or any(
            trigger.definition.quiet_hours is not None for trigger in self.triggers
        )

    @cached_property
    def consent(self) -> CompiledConsent:
        """What events say about being sent things."""
        return CompiledConsent(self._definitions.consent)

    @cached_property
    def evaluable(self) -> tuple[int, ...]:
        """The numbers of the items but for triggers on events."""
        return tuple(
            number
            for number, item in enumerate(self.items)
            if not (isinstance(item, CompiledTrigger) and item.definition.on is not None)
        )

    @cached_property
    def initial(self) -> Mapping[str, str]:
        """The traits that everybody has of whom nothing is known: the JSON texts of their values, by name."""
        values = ((trait.name, trait.initial) for trait in self.traits if trait.initial is not None)
        return {name: msgspec.json.encode(value).decode() for name, value in values}

    @cached_property
    def at_first(self) -> frozenset[int]:
        """The numbers of the evaluable items that may hold, or have a value, without anything that they read.

        Instead of the traits that are `initial`, those that read them.
        """
        at_first = {number for number in self.evaluable if self.items[number].at_first}
        for trait in self.traits:
            if trait.initial is not None and trait.name in self.trait_readers:
                at_first.update(self.trait_readers[trait.name].concerned(self.defaults[trait.name], trait.initial))
        return frozenset(at_first)

    @cached_property
    def readers(self) -> Mapping[str, tuple[int, ...]]:
        """The numbers of the evaluable items by the names of what may change them either way."""
        readers: defaultdict[str, list[int]] = defaultdict(list)
        for number in self.evaluable:
            item = self.items[number]
            directed = item.directions.keys() if isinstance(item, CompiledSegment) else ()
            for name in item.reads.difference(directed):
                readers[name].append(number)
        return {name: tuple(numbers) for name, numbers in readers.items()}

    @cached_property
    def trait_readers(self) -> Mapping[str, TraitReaders]:
        """The evaluable items by the defined traits that they read."""
        any_change: defaultdict[str, list[int]] = defaultdict(list)
        comparing: defaultdict[str, dict[int, Distinctions]] = defaultdict(dict)
        for number in self.evaluable:
            item = self.items[number]
            for name in item.reads & self.defaults.keys():
                if name in item.distinguishes:
                    comparing[name][number] = item.distinguishes[name]
                else:
                    any_change[name].append(number)
        names = any_change.keys() | comparing.keys()
        return {name: readers_of_trait(any_change[name], comparing[name]) for name in names}

    @cached_property
    def _directed(self) -> Mapping[str, Directed]:
        """The evaluable segments by the keys of accumulators by which events can change them in one direction."""
        segments: defaultdict[str, list[tuple[int, str, Direction]]] = defaultdict(list)
        for number in self.evaluable:
            item = self.items[number]
            if isinstance(item, CompiledSegment):
                for key, direction in item.directions.items():
                    segments[key].append((number, item.name, direction))
        return {key: directed(concerned) for key, concerned in segments.items()}

    @cached_property
    def _concerned(self) -> Mapping[str, tuple[tuple[int, ...], Directed | None]]:
        """What a change of a name concerns: its readers, and the segments that it changes in one direction."""
        names = self.readers.keys() | self._directed.keys()
        return {name: (self.readers.get(name, ()), self._directed.get(name)) for name in names}

    @cached_property
    def named_by_reader(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """By the key of an accumulator, trigger or purpose: the definitions that read it, each its kind and name."""
        named: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for item in self.items:
            for key in item.reads & self.by_key.keys():
                named[key].append((item.what, item.name))
        purposes = (*self.consent.defaults, ALL, UNDEFINED)
        return (
            {key: tuple(names) for key, names in named.items()}
            | {trigger.changes: ((trigger.what, trigger.name),) for trigger in self.triggers}
            | {consent_for(purpose): (("consent", purpose),) for purpose in purposes}
        )

    @cached_property
    def by_key(self) -> Mapping[str, CompiledAccumulator]:
        """The accumulators by the key of their states."""
        return {accumulator.key: accumulator for accumulator in self.accumulators}

    @cached_property
    def gates(self) -> Gates:
        """Which accumulators may count an event."""
        return Gates(self.accumulators)

    def touched(
        self, names: Iterable[str], members: Collection[str], waiting: Collection[int], counted: Callable[[str], int]
    ) -> set[int]:
        """Return the numbers of the evaluable items that an event may change, by the names of what it has changed.

        `members`: the segments that the profile is in. `waiting`: the items that time alone may change. `counted`: how
        many events an accumulator has. An event cannot end a count that holds: what it prolongs is evaluated when it
        would have ended.
        """
        touched = set[int]()
        concerned = self._concerned
        for name in names:
            if name in concerned:
                readers, segments = concerned[name]
                touched.update(readers)
                if segments is not None:
                    segments.touch(touched, counted(name), members, waiting)
        return touched

    def collecting(self, more: Iterable[CompiledAccumulator]) -> "Program":
        """Return the same program that remembers more: what one needs that is to replace it."""
        added = {each.key: each for each in more if each.key not in self.by_key}
        return replace(self, accumulators=(*added.values(), *self.accumulators)) if added else self

    def destinations_by_segment(self) -> dict[str, tuple[Destination, ...]]:
        """Return, by the name of each segment, the destinations that hear of its changes."""
        return destinations_by_segment([self._definitions])

    def of(self, workspace: str, kind: ProfileKind) -> "Program":
        """Return the definitions for profiles of a kind in a workspace. Compiles anew: call it once for each."""
        kept = narrowed(self._definitions, workspace, kind)
        of_all = msgspec.structs.replace(
            kept,
            segments=tuple(msgspec.structs.replace(each, workspaces=()) for each in kept.segments),
            traits=tuple(msgspec.structs.replace(each, workspaces=()) for each in kept.traits),
            triggers=tuple(msgspec.structs.replace(each, workspaces=()) for each in kept.triggers),
        )
        return compile_program(of_all, self._births)


def destinations_by_segment(versions: Iterable[Definitions]) -> dict[str, tuple[Destination, ...]]:
    """Return, by the name of each segment, the destinations that hear of its changes.

    Of `versions`, which are in order, the last one that has a segment or a destination counts for it.
    """
    destinations: dict[str, Destination] = {}
    named: dict[str, tuple[str, ...]] = {}
    for definitions in versions:
        destinations |= {each.name: each for each in definitions.destinations}
        named |= {each.name: each.destinations for each in definitions.segments}
    return {segment: tuple(map(destinations.__getitem__, names)) for segment, names in named.items()}


def compile_program(definitions: Definitions, births: Mapping[str, int] = MappingProxyType({})) -> Program:
    """Compile the program of all workspaces; narrow it by `of`.

    `births`: by id of an accumulator, the version since which it has existed as it is defined now; 0 if not said.
    """
    accumulators = tuple(compile_accumulator(each, births.get(each.id, 0)) for each in accumulators_of(definitions))
    lapse_ms = shortest_lapse_ms(definitions)
    return Program(
        items=tuple(compile_items(definitions, keys_of(accumulators))),
        accumulators=accumulators,
        destinations=tuple(destination.name for destination in definitions.destinations),
        shortest_lapse_ms=NEVER if lapse_ms is None else lapse_ms,
        defaults=values_of_nothing(definitions),
        _definitions=definitions,
        own=accumulators,
        _births=births,
    )


def _is_about(trigger: CompiledTrigger, event_type: str, event_name: str | None) -> bool:
    on = trigger.definition.on
    assert on is not None, trigger
    return not on.calls or any(call.type in {None, event_type} and call.name in {None, event_name} for call in on.calls)


def fingerprint(definitions: Definitions, births: Mapping[str, int]) -> str:
    """Return the fingerprint of the program that `compile_program` would return, for a fraction of its cost."""
    return _fingerprint(
        definitions, {state_key(each, births.get(each.id, 0)): each for each in accumulators_of(definitions)}
    )


def _fingerprint(definitions: Definitions, accumulators: Mapping[str, Accumulator]) -> str:
    segments = [(each.name, each.when, each.kind, each.workspaces, each.destinations) for each in definitions.segments]
    traits = [(each.name, each.value, each.kind, each.workspaces) for each in definitions.traits]
    triggers = [(each.name, *msgspec.structs.astuple(_meaning_of(each))) for each in definitions.triggers]
    destinations = [(each.name, each.type) for each in definitions.destinations]
    kept = [(key, each.keep, each.retain_ms, each.ordered) for key, each in accumulators.items()]
    meaning = (
        sorted(segments, key=_name),
        sorted(traits, key=_name),
        sorted(triggers, key=_name),
        sorted(destinations),
        kept,
        *([definitions.consent] if definitions.consent != NO_RULES else []),
    )
    return hashlib.blake2b(msgspec.json.encode(meaning), digest_size=8).hexdigest()


def _meaning_of(trigger: Trigger) -> Trigger:
    return msgspec.structs.replace(trigger, title="", description="")


def _name(defined: tuple[str, *tuple[object, ...]]) -> str:
    return defined[0]
