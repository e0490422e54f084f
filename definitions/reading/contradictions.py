"""What can never hold, or always does: comparisons of one value, and conditions of one group."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from definitions.model import (
    ORDERINGS,
    TIMES,
    AggregateComparison,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    ConsentComparison,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    Sample,
    Scalar,
    SessionComparison,
    TraitComparison,
    Window,
)
from definitions.patterns import compile_pattern

_OF_TEXTS: Mapping[Operator, Callable[[str, str], bool]] = {
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
    Operator.MATCHES: lambda value, pattern: compile_pattern(pattern).search(value) is not None,
}
_LOWER = {Operator.GREATER_THAN: True, Operator.GREATER_OR_EQUAL: False}
_UPPER = {Operator.LESS_THAN: True, Operator.LESS_OR_EQUAL: False}


def contradiction(comparisons: Sequence[Comparison]) -> str | None:
    """Return which of the comparisons of one value cannot hold together, in words; None if some value passes all."""
    for check in (_missing, _kinds, _bounds, _dates, _choices):
        reason = check(comparisons)
        if reason is not None:
            return reason
    return None


def contradiction_in_all(conditions: Sequence[Condition]) -> tuple[int, str] | None:
    """Return the number of the first condition that cannot hold beside those before it, and why; None if all can."""
    earlier: list[Condition] = []
    for number, condition in enumerate(conditions):
        for part in _parts(condition):
            reason = _against(part, earlier)
            if reason is not None:
                return number, reason
            earlier.append(part)
    return None


def _against(condition: Condition, earlier: Sequence[Condition]) -> str | None:
    """Return why a condition cannot hold beside others; an `any` cannot if none of its conditions can."""
    if isinstance(condition, AnyOf):
        reasons = [_against(part, earlier) for part in condition.conditions if not isinstance(part, AnyOf | AllOf)]
        known = [reason for reason in reasons if reason is not None]
        return known[0] if len(known) == len(condition.conditions) else None
    opposite = condition.condition if isinstance(condition, Not) else Not(condition)
    if opposite in earlier:
        return "one condition is the `not` of another"
    return (
        _of_one_value(condition, earlier)
        or _of_counts(condition, earlier)
        or _of_samples((condition, *earlier))
        or _of_consents(condition, earlier)
    )


def tautology_in_any(conditions: Sequence[Condition]) -> int | None:
    """Return the number of the first condition that is the `not` of one before it, so that one always holds."""
    for number, condition in enumerate(conditions):
        opposite = condition.condition if isinstance(condition, Not) else Not(condition)
        if opposite in conditions[:number]:
            return number
    return None


def _parts(condition: Condition) -> Iterable[Condition]:
    """The conditions that hold if this one does: those of an inner `all`, and the `not` of each of an inner `any`."""
    match condition:
        case AllOf():
            for inner in condition.conditions:
                yield from _parts(inner)
        case Not(condition=AnyOf(conditions=conditions)):
            for inner in conditions:
                yield from _parts(inner.condition if isinstance(inner, Not) else Not(inner))
        case _:
            yield condition


def _of_one_value(condition: Condition, earlier: Iterable[Condition]) -> str | None:
    if not isinstance(condition, TraitComparison | AggregateComparison | SessionComparison):
        return None
    subject = msgspec.structs.replace(condition, comparisons=())
    comparisons = list(condition.comparisons)
    for other in earlier:
        if type(other) is type(condition) and msgspec.structs.replace(other, comparisons=()) == subject:
            comparisons += other.comparisons
    return contradiction(comparisons)


def _of_samples(conditions: Sequence[Condition]) -> str | None:
    """A smaller sample of one salt is a part of a larger one."""
    samples = [each for each in conditions if isinstance(each, Sample)]
    without = [each.condition for each in conditions if isinstance(each, Not) and isinstance(each.condition, Sample)]
    if any(one.salt == other.salt and one.permille <= other.permille for one in samples for other in without):
        return "a sample without a larger one of the same salt"
    return None


def _of_consents(condition: Condition, earlier: Iterable[Condition]) -> str | None:
    """What was said comes to one status, and what is denied is not allowed."""
    if not isinstance(condition, ConsentComparison):
        return None
    for other in earlier:
        if isinstance(other, ConsentComparison) and other == msgspec.structs.replace(condition, answer=other.answer):
            answers = {condition.answer, other.answer}
            if len(answers) == 2 and ("allowed" not in answers or "denied" in answers):
                return f"{other.answer} and {condition.answer} for one purpose"
    return None


class _Bound(msgspec.Struct, frozen=True):
    """At least, or at most, `number` events in a window."""

    events: EventMatcher
    window: Window
    number: int


def _of_counts(condition: Condition, earlier: Iterable[Condition]) -> str | None:
    lower, upper = _count_bounds((condition, *earlier))
    for least in lower:
        for most in upper:
            if (
                _are_among(least.events, most.events)
                and least.number > most.number
                and _lies_in(least.window, most.window)
            ):
                return f"at least {least.number} and at most {most.number} of the same events"
    return None


def _count_bounds(conditions: Iterable[Condition]) -> tuple[list[_Bound], list[_Bound]]:
    lower, upper = [], []
    for condition in conditions:
        count = condition.condition if isinstance(condition, Not) else condition
        if not isinstance(count, EventCount) or count.same is not None:
            continue
        least, most = count.at_least, count.at_most
        if isinstance(condition, Not):
            if least is not None and most is not None:
                continue
            least, most = (None if most is None else most + 1), (None if least is None else least - 1)
        if least is not None:
            lower.append(_Bound(count.events, count.window, least))
        if most is not None:
            upper.append(_Bound(count.events, count.window, most))
    return lower, upper


def _are_among(inner: EventMatcher, outer: EventMatcher) -> bool:
    """Whether all events of the inner kind are of the outer kind: of the same calls and time, and more is asked."""
    return msgspec.structs.replace(inner, where=outer.where) == outer and all(
        each in inner.where for each in outer.where
    )


def _lies_in(inner: Window, outer: Window) -> bool:
    """Whether every event of the inner window is one of the outer."""
    is_as_long = outer.ms is None or (inner.ms is not None and inner.ms <= outer.ms)
    return is_as_long and (inner.session or not outer.session)


def _missing(comparisons: Sequence[Comparison]) -> str | None:
    exists = {comparison.operand for comparison in comparisons if comparison.operator is Operator.EXISTS}
    others = [comparison for comparison in comparisons if comparison.operator is not Operator.EXISTS]
    if False in exists and (others or True in exists):
        return f"exists: false and {others[0].operator.value if others else 'exists: true'}"
    return None


def _kinds(comparisons: Sequence[Comparison]) -> str | None:
    """A number is no text, and a time no number."""
    numeric = next((each for each in comparisons if each.operator in ORDERINGS), None)
    textual = next((each for each in comparisons if each.operator in TIMES | _OF_TEXTS.keys()), None)
    if numeric is None or textual is None:
        return None
    return f"{numeric.operator.value} is of numbers, {textual.operator.value} is not"


def _bounds(comparisons: Sequence[Comparison]) -> str | None:
    for lower in comparisons:
        for upper in comparisons:
            if lower.operator in _LOWER and upper.operator in _UPPER:
                low, high = _number(lower.operand), _number(upper.operand)
                is_open = _LOWER[lower.operator] or _UPPER[upper.operator]
                if low > high or (low == high and is_open):
                    return f"{_said(lower)} and {_said(upper)}"
    return None


def _dates(comparisons: Sequence[Comparison]) -> str | None:
    """Times are whole milliseconds: none lies between two that follow each other."""
    by = {comparison.operator: comparison for comparison in comparisons if comparison.operator in TIMES}
    operand = {operator: _number(comparison.operand) for operator, comparison in by.items()}
    if Operator.AFTER in by and Operator.BEFORE in by and operand[Operator.BEFORE] - operand[Operator.AFTER] <= 1:
        return "after and before leave no time between them"
    if Operator.WITHIN_NEXT in by and (Operator.WITHIN_LAST in by or Operator.LONGER_AGO_THAN in by):
        return "within_next is of the time to come"
    is_between = Operator.WITHIN_LAST in by and Operator.LONGER_AGO_THAN in by
    if is_between and operand[Operator.LONGER_AGO_THAN] >= operand[Operator.WITHIN_LAST]:
        return "longer_ago_than is not less than within_last"
    return None


def _choices(comparisons: Sequence[Comparison]) -> str | None:
    """No value that `equals` or `in` names passes all the others."""
    naming = [each for each in comparisons if each.operator in {Operator.EQUALS, Operator.IN}]
    if not naming:
        return None
    if passing(_operands(naming[0]), comparisons):
        return None
    return f"no value of {naming[0].operator.value} passes the others"


def passing(values: Iterable[Scalar], comparisons: Sequence[Comparison]) -> list[Scalar]:
    """Return the values that pass all of the comparisons."""
    return [value for value in values if all(_passes(value, comparison) for comparison in comparisons)]


def _passes(value: Scalar, comparison: Comparison) -> bool:
    operator, operands = comparison.operator, _operands(comparison)
    if operator in ORDERINGS:
        return not isinstance(value, bool | str) and _ORDERS[operator](value, _number(operands[0]))
    if operator in {Operator.EQUALS, Operator.IN}:
        return any(_is_same(value, operand) for operand in operands)
    if operator in {Operator.NOT_EQUALS, Operator.NOT_IN}:
        return not any(_is_same(value, operand) for operand in operands)
    if operator in _OF_TEXTS:
        return isinstance(value, str) and _OF_TEXTS[operator](value, str(operands[0]))
    if operator in {Operator.CONTAINS, Operator.CONTAINS_ANY, Operator.NOT_CONTAINS}:
        is_part = any(isinstance(each, str) and isinstance(value, str) and each in value for each in operands)
        return is_part is not (operator is Operator.NOT_CONTAINS)
    return operator is Operator.EXISTS or isinstance(value, str)  # texts may be times


_ORDERS: Mapping[Operator, Callable[[float, float], bool]] = {
    Operator.GREATER_THAN: lambda value, bound: value > bound,
    Operator.GREATER_OR_EQUAL: lambda value, bound: value >= bound,
    Operator.LESS_THAN: lambda value, bound: value < bound,
    Operator.LESS_OR_EQUAL: lambda value, bound: value <= bound,
}


def _is_same(one: Scalar, other: Scalar) -> bool:
    kinds = [(isinstance(value, bool), isinstance(value, str)) for value in (one, other)]
    return kinds[0] == kinds[1] and one == other


def _operands(comparison: Comparison) -> tuple[Scalar, ...]:
    return comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)


def _number(operand: Scalar | tuple[Scalar, ...]) -> int | float:
    assert isinstance(operand, int | float)
    return operand


def _said(comparison: Comparison) -> str:
    return f"{comparison.operator.value} {comparison.operand}"
