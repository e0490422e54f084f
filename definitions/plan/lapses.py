"""How soon after an event time alone may change what follows from it: what decides when an event comes late."""

from collections.abc import Iterator

from definitions.model import (
    RELATIVE,
    SESSION_GAP_MS,
    Aggregate,
    AggregateComparison,
    Comparison,
    Definitions,
    EventCount,
    Expression,
    Function,
    Leaf,
    Rule,
    Segment,
    Sequence,
    SessionComparison,
    Statistical,
    Trait,
    TraitComparison,
    Trigger,
    Window,
)
from definitions.plan.conditions import conditions_of, leaves

_DAY_MS = 24 * 3600 * 1000
_CHANGING_DAILY = frozenset({"days_since", "age"})


def shortest_lapse_ms(definitions: Definitions) -> int | None:
    """Return the shortest period that definitions name, by the end of which something may change; None without one.

    A comparison of a sent time with now may change at any moment: its own period is as good as another.
    """
    defined: tuple[Segment | Trait | Trigger, ...]
    defined = (*definitions.segments, *definitions.traits, *definitions.triggers)
    return min((period for each in defined for period in _of_defined(each)), default=None)


def _of_defined(defined: Segment | Trait | Trigger) -> Iterator[int]:
    for condition in conditions_of(defined):
        for leaf in leaves(condition):
            yield from _of_leaf(leaf)
    match defined:
        case Trait(value=Statistical(aggregate=aggregate)):
            yield from _of_aggregate(aggregate)
        case Trait(value=Rule() as rule):
            for expression in (*(case.then for case in rule.cases), rule.otherwise):
                yield from _of_expression(expression)
        case Trigger(cool_down_ms=int(cool_down_ms)):
            yield cool_down_ms
        case _:
            pass


def _of_leaf(leaf: Leaf) -> Iterator[int]:
    match leaf:
        case EventCount(window=window):
            yield from _of_window(window)
        case AggregateComparison(aggregate=aggregate, comparisons=comparisons):
            yield from _of_aggregate(aggregate)
            yield from _of_comparisons(comparisons)
        case Sequence(steps=steps, within_ms=within_ms):
            yield within_ms
            yield from (step.within_ms for step in steps if step.absent and step.within_ms is not None)
        case TraitComparison(comparisons=comparisons):
            yield from _of_comparisons(comparisons)
        case SessionComparison(session=session, comparisons=comparisons):
            if session == "current":
                yield SESSION_GAP_MS
            yield from _of_comparisons(comparisons)
        case _:
            pass


def _of_aggregate(aggregate: Aggregate) -> Iterator[int]:
    yield from _of_window(aggregate.window)


def _of_window(window: Window) -> Iterator[int]:
    if window.ms is not None:
        yield window.ms
    if window.session:
        yield SESSION_GAP_MS


def _of_comparisons(comparisons: tuple[Comparison, ...]) -> Iterator[int]:
    for comparison in comparisons:
        if comparison.operator in RELATIVE and isinstance(comparison.operand, int):
            yield comparison.operand


def _of_expression(expression: Expression | None) -> Iterator[int]:
    if isinstance(expression, Function):
        if expression.name in _CHANGING_DAILY:
            yield _DAY_MS
        for argument in expression.arguments:
            yield from _of_expression(argument)
