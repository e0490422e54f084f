"""What definitions read of each other: traits by name, segments by name."""

from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import chain
from typing import NamedTuple

from definitions.model import (
    Definitions,
    Expression,
    Function,
    InSegment,
    Path,
    Rule,
    Segment,
    Trait,
    TraitComparison,
    TraitValue,
    Trigger,
)
from definitions.plan.conditions import conditions_of, leaves


class References(NamedTuple):
    """The names of the traits and segments that a definition reads."""

    traits: frozenset[str]
    segments: frozenset[str]


def references_of(defined: Segment | Trait | Trigger) -> References:
    """Return what a definition reads itself, not by what it reads."""
    read = [leaf for condition in conditions_of(defined) for leaf in leaves(condition)]
    traits = {leaf.path[0] for leaf in read if isinstance(leaf, TraitComparison)}
    if isinstance(defined, Trait) and isinstance(defined.value, Rule):
        traits.update(traits_shown(defined.value))
    return References(frozenset(traits), frozenset(leaf.name for leaf in read if isinstance(leaf, InSegment)))


def traits_shown(rule: Rule) -> frozenset[str]:
    """Return the names of the traits whose values a rule takes over or calculates with."""
    return frozenset(path[0] for each in _expressions(rule) for path in paths_in(each))


def _expressions(rule: Rule) -> Iterator[Expression]:
    for case in rule.cases:
        yield case.then
    if rule.otherwise is not None:
        yield rule.otherwise


def paths_in(expression: Expression) -> Iterator[Path]:
    """Yield the paths of the traits that an expression reads."""
    match expression:
        case TraitValue(path):
            yield path
        case Function(arguments=arguments):
            for argument in arguments:
                yield from paths_in(argument)
        case _:
            pass


def in_order(definitions: Definitions) -> tuple[Trait | Segment, ...]:
    """Return traits and segments such that each comes after what it reads, whatever the order of the files.

    Raises graphlib.CycleError for what reads itself.
    """
    traits = {trait.name: trait for trait in definitions.traits}
    segments = {segment.name: segment for segment in definitions.segments}
    order: TopologicalSorter[tuple[str, str]] = TopologicalSorter()
    defined: Iterator[Trait | Segment] = chain(definitions.traits, definitions.segments)
    for each in sorted(defined, key=_node):
        read = references_of(each)
        order.add(
            _node(each),
            *sorted(("trait", name) for name in read.traits if name in traits),
            *sorted(("segment", name) for name in read.segments if name in segments),
        )
    return tuple(traits[name] if what == "trait" else segments[name] for what, name in order.static_order())


def _node(defined: Trait | Segment) -> tuple[str, str]:
    return "trait" if isinstance(defined, Trait) else "segment", defined.name
