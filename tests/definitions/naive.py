"""Conditions once more, by plain recomputation over all events: what the compiled ones must agree with."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from definitions.model import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    TraitComparison,
)


class Happened(NamedTuple):
    """One event of a profile."""

    at: int
    type: str
    name: str | None
    properties: Mapping[str, object]


def holds(condition: Condition, events: Sequence[Happened], traits: Mapping[str, object], now: int) -> bool:
    if isinstance(condition, AllOf):
        return all(holds(inner, events, traits, now) for inner in condition.conditions)
    if isinstance(condition, AnyOf):
        return any(holds(inner, events, traits, now) for inner in condition.conditions)
    if isinstance(condition, Not):
        return not holds(condition.condition, events, traits, now)
    if isinstance(condition, TraitComparison):
        return passes(condition, traits)
    assert isinstance(condition, EventCount)
    assert condition.window.ms is not None
    assert condition.at_least is not None
    inside = [event for event in events if now - condition.window.ms < event.at <= now]
    return sum(counts(condition, event) for event in inside) >= condition.at_least


def counts(count: EventCount, event: Happened) -> bool:
    wanted: EventMatcher = count.events
    if wanted.calls and not any(
        call.type in {None, event.type} and call.name in {None, event.name} for call in wanted.calls
    ):
        return False
    return all(
        compare(comparison, value_at(event.properties, each.path))
        for each in wanted.where
        for comparison in each.comparisons
    )


def passes(condition: TraitComparison, traits: Mapping[str, object]) -> bool:
    return all(compare(comparison, value_at(traits, condition.path)) for comparison in condition.comparisons)


def value_at(values: object, path: Sequence[str]) -> object:
    if not path:
        return values
    return value_at(values.get(path[0]), path[1:]) if isinstance(values, dict) else None


def kind(value: object) -> str:
    """JSON's own kinds, in which true is no number and 1 is 1.0."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "other"


def same(left: object, right: object) -> bool:
    return kind(left) == kind(right) and left == right


def compare(comparison: Comparison, value: object) -> bool:
    operand = comparison.operand
    if comparison.operator is Operator.EXISTS:
        return operand is (value is not None)
    if value is None:
        return False
    if isinstance(operand, tuple):
        return any(same(value, each) for each in operand) is (comparison.operator is Operator.IN)
    answers = {
        Operator.EQUALS: lambda: same(value, operand),
        Operator.NOT_EQUALS: lambda: not same(value, operand),
        Operator.CONTAINS: lambda: contains(value, operand),
        Operator.STARTS_WITH: lambda: isinstance(value, str) and value[: len(str(operand))] == operand,
        Operator.GREATER_THAN: lambda: order(value, operand) == 1,
        Operator.GREATER_OR_EQUAL: lambda: order(value, operand) in (0, 1),
        Operator.LESS_THAN: lambda: order(value, operand) == -1,
        Operator.LESS_OR_EQUAL: lambda: order(value, operand) in (0, -1),
    }
    return answers[comparison.operator]()


def contains(value: object, operand: object) -> bool:
    if isinstance(value, list):
        return any(same(item, operand) for item in value)
    return isinstance(value, str) and isinstance(operand, str) and value.find(operand) >= 0


def order(value: object, operand: object) -> int | None:
    """-1, 0 or 1; None for what has no order."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    assert isinstance(operand, int | float)
    return (value > operand) - (value < operand)
