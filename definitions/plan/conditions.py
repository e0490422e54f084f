"""Walks through definitions: the conditions of each, and the leaves of a condition."""

from collections.abc import Iterator

from definitions.model import AllOf, AnyOf, Condition, Leaf, Not, Rule, Segment, Trait, Trigger


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield what a condition is made of, but for all, any and not, in the order in which it is written."""
    match condition:
        case AllOf() | AnyOf():
            for inner in condition.conditions:
                yield from leaves(inner)
        case Not():
            yield from leaves(condition.condition)
        case _:
            yield condition


def conditions_of(defined: Segment | Trait | Trigger) -> Iterator[Condition]:
    """Yield the conditions of a definition."""
    match defined:
        case Segment():
            yield defined.when
        case Trait(value=Rule() as rule):
            for case in rule.cases:
                yield case.when
        case Trigger() if defined.when is not None:
            yield defined.when
        case _:
            pass
