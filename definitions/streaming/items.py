"""Traits, segments and triggers compiled to items, which are evaluated in the order of their dependencies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from definitions.model import (
    AggregateComparison,
    ConsentComparison,
    Definitions,
    EventCount,
    Mining,
    Rule,
    Sample,
    Segment,
    SessionComparison,
    SessionName,
    Statistical,
    Trait,
    Trigger,
    Window,
)
from definitions.plan import conditions_of, in_order, leaves, needs, references_of
from definitions.plan.accumulators import Accumulator
from definitions.streaming.aggregates import compile_aggregate, value_of_nothing
from definitions.streaming.conditions import Evaluate, compile_condition
from definitions.streaming.consent import consent_for
from definitions.streaming.directions import Direction, directions
from definitions.streaming.expressions import EvaluateTrait, compile_rule
from definitions.streaming.keys import KeyOf
from definitions.streaming.states import AnyState
from definitions.streaming.subject import NEVER, SESSION, SessionBounds, Subject, Value
from definitions.streaming.thresholds import Distinctions, distinctions_of
from definitions.streaming.triggers import CompiledTrigger, compile_trigger
from schemas.consent import ALL, Answer, ConsentState, Default, is_answer


@dataclass(frozen=True, slots=True)
class CompiledTrait:
    """A trait that follows from other things of the profile.

    `reads`: the names of all that can change its value: keys of accumulators, traits, segments, SESSION, purposes.
    `at_first`: whether it has to be evaluated for a profile of which nothing is known that it reads. `initial`: what
    its value is then, for everybody and for ever, instead; None if that is not so. `distinguishes`: of which values of
    a trait, by its name; of one that is not there, of all.
    """

    name: str
    reads: frozenset[str]
    at_first: bool
    initial: object
    distinguishes: Mapping[str, Distinctions]
    evaluate: EvaluateTrait = field(compare=False, repr=False)

    what: ClassVar[str] = "trait"

    @property
    def changes(self) -> str:
        """The name under which others read it."""
        return self.name


@dataclass(frozen=True, slots=True)
class CompiledSegment:
    """A segment; its fields are those of a trait.

    `changes`: the name under which others read it. `directions`: by key of an accumulator, in which direction alone an
    event can change it.
    """

    name: str
    changes: str
    destinations: tuple[str, ...]
    reads: frozenset[str]
    at_first: bool
    distinguishes: Mapping[str, Distinctions]
    directions: Mapping[str, Direction]
    evaluate: Evaluate = field(compare=False, repr=False)

    what: ClassVar[str] = "segment"


Item: TypeAlias = CompiledTrait | CompiledSegment | CompiledTrigger


def membership_of(segment: str) -> str:
    """Return the name under which a membership is read."""
    return f"segment {segment}"


def found_of(trait: str) -> str:
    """Return the name under which a mined trait reads what its query has found."""
    return f"found {trait}"


def compile_items(definitions: Definitions, key_of: KeyOf) -> Iterator[Item]:
    """Yield the items in the order of their dependencies.

    Triggers come last: nothing reads them, and what they say is of the profile as it is then.
    """
    nothing = _Nothing(values_of_nothing(definitions), definitions.consent.defaults)
    for defined in (*in_order(definitions), *definitions.triggers):
        reads = _names_read(defined).union(map(key_of, _needs(defined)))
        distinctions = distinctions_of(defined)
        item: Item
        if isinstance(defined, Segment):
            when = compile_condition(defined.when, key_of)
            is_certain = when(nothing, 0) == (False, NEVER) and not _is_drawn(defined)
            directed = directions(defined.when, key_of)
            item = CompiledSegment(
                defined.name,
                membership_of(defined.name),
                defined.destinations,
                reads,
                not is_certain,
                distinctions,
                directed,
                when,
            )
        elif isinstance(defined, Trigger):
            item = compile_trigger(defined, reads, distinctions, key_of)
        elif isinstance(defined.value, Mining):
            reads = frozenset({found_of(defined.name)})
            item = CompiledTrait(defined.name, reads, False, None, {}, _compile_mined(defined.name))
        else:
            evaluate = _compile_trait(defined.value, key_of)
            initial, until = evaluate(nothing, 0)
            is_certain = until == NEVER and not _is_drawn(defined)
            item = CompiledTrait(
                defined.name, reads, not is_certain, initial if is_certain else None, distinctions, evaluate
            )
        yield item


def values_of_nothing(definitions: Definitions) -> Mapping[str, object]:
    """Return what is read of each defined trait of which a profile has no value."""
    return {
        trait.name: value_of_nothing(trait.value.aggregate) if isinstance(trait.value, Statistical) else None
        for trait in definitions.traits
    }


def _compile_mined(name: str) -> EvaluateTrait:
    def evaluate(subject: Subject, _now: int) -> Value:
        return subject.mined(name), NEVER

    return evaluate


def _compile_trait(value: Statistical | Rule, key_of: KeyOf) -> EvaluateTrait:
    if isinstance(value, Statistical):
        return compile_aggregate(value.aggregate, key_of)
    return compile_rule(value, key_of)


def _needs(defined: Trait | Segment | Trigger) -> Iterator[Accumulator]:
    for condition in conditions_of(defined):
        for leaf in leaves(condition):
            yield from needs(leaf)
    if isinstance(defined, Trait) and isinstance(defined.value, Statistical):
        yield from needs(defined.value.aggregate)


def _names_read(defined: Trait | Segment | Trigger) -> frozenset[str]:
    """Return the names of what a definition reads but for its accumulators."""
    read = references_of(defined)
    session = [SESSION] if any(window.session for window in _windows(defined)) or _reads_facts(defined) else []
    return read.traits.union(map(membership_of, read.segments), session, _consent_read(defined))


def _consent_read(defined: Trait | Segment | Trigger) -> Iterator[str]:
    for condition in conditions_of(defined):
        for leaf in leaves(condition):
            if isinstance(leaf, ConsentComparison):
                yield from map(consent_for, (leaf.purpose, ALL))


def _windows(defined: Trait | Segment | Trigger) -> Iterator[Window]:
    for condition in conditions_of(defined):
        for leaf in leaves(condition):
            if isinstance(leaf, EventCount):
                yield leaf.window
            elif isinstance(leaf, AggregateComparison):
                yield leaf.aggregate.window
    if isinstance(defined, Trait) and isinstance(defined.value, Statistical):
        yield defined.value.aggregate.window


def _reads_facts(defined: Trait | Segment | Trigger) -> bool:
    return any(isinstance(leaf, SessionComparison) for each in conditions_of(defined) for leaf in leaves(each))


def _is_drawn(defined: Trait | Segment) -> bool:
    return any(isinstance(leaf, Sample) for each in conditions_of(defined) for leaf in leaves(each))


@dataclass(frozen=True, slots=True)
class _Nothing:
    """A subject of which nothing is known. `defaults`: by trait; `purposes`: the defaults by purpose."""

    defaults: Mapping[str, object]
    purposes: Mapping[str, Default]
    profile_id: str = ""

    def state(self, key: str) -> AnyState | None:  # noqa: ARG002 - a subject's signature
        return None

    def trait(self, name: str) -> object:
        return self.defaults.get(name)

    def mined(self, name: str) -> object:  # noqa: ARG002 - a subject's signature
        return None

    def is_member(self, segment: str) -> bool:  # noqa: ARG002 - a subject's signature
        return False

    def session(self, now: int) -> SessionBounds | None:  # noqa: ARG002 - a subject's signature
        return None

    def fact(self, session: SessionName, fact: str, now: int) -> str | None:  # noqa: ARG002 - a subject's signature
        return None

    def says(self, purpose: str, channel: str, answer: Answer) -> bool:
        return is_answer(answer, ConsentState(), purpose, channel, self.purposes)
