"""How many levels of computing lie on each other: SQL has a query around another one for each, and bears so many."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError

from definitions.model import (
    AllOf,
    AnyOf,
    Condition,
    Definitions,
    Expression,
    Function,
    InSegment,
    Literally,
    Not,
    Rule,
    Segment,
    Trait,
    TraitComparison,
    TraitValue,
)
from definitions.plan import in_order

MAX_LEVELS = 50

Node = tuple[str, str]
"""What is defined, trait or segment, and its name."""


def levels_of(traits: Sequence[Trait], segments: Sequence[Segment]) -> dict[Node, int]:
    """Return the levels of each; of none if any of them is made of itself."""
    levels: dict[Node, int] = {}
    try:
        ordered = in_order(Definitions(traits=tuple(traits), segments=tuple(segments)))
    except CycleError:
        return {}
    for each in ordered:
        if isinstance(each, Segment):
            levels["segment", each.name] = _of_condition(each.when, levels)
        else:
            levels["trait", each.name] = _of_rule(each.value, levels) if isinstance(each.value, Rule) else 0
    return levels


def _of_condition(condition: Condition, levels: Mapping[Node, int]) -> int:
    match condition:
        case AllOf() | AnyOf():
            return 1 + max((_of_condition(each, levels) for each in condition.conditions), default=0)
        case Not():
            return 1 + _of_condition(condition.condition, levels)
        case InSegment():
            return 1 + levels.get(("segment", condition.name), 0)
        case TraitComparison():
            return 1 + levels.get(("trait", condition.path[0]), 0)
        case _:
            return 1


def _of_rule(rule: Rule, levels: Mapping[Node, int]) -> int:
    return int(bool(rule.cases)) + max(_within(rule, levels), default=0)


def _within(rule: Rule, levels: Mapping[Node, int]) -> Iterator[int]:
    for case in rule.cases:
        yield _of_condition(case.when, levels)
        yield _of_expression(case.then, levels)
    if rule.otherwise is not None:
        yield _of_expression(rule.otherwise, levels)


def _of_expression(expression: Expression, levels: Mapping[Node, int]) -> int:
    match expression:
        case Literally():
            return 0
        case TraitValue():
            return levels.get(("trait", expression.path[0]), 0)
        case Function():
            return 1 + max((_of_expression(each, levels) for each in expression.arguments), default=0)
