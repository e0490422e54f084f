"""What can never hold of one value: comparisons that contradict each other."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from definitions.model import ORDERINGS, TIMES, Comparison, Operator, Scalar
from definitions.patterns import compile_pattern

_OF_TEXTS: Mapping[Operator, Callable[[str, str], bool]] = {
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
    Operator.MATCHES: lambda value, pattern: compile_pattern(pattern).search(value) is not None,
}
_LOWER = {Operator.GREATER_THAN: True, Operator.GREATER_OR_EQUAL: False}
_UPPER = {Operator.LESS_THAN: True, Operator.LESS_OR_EQUAL: False}
_NAMING = frozenset({Operator.EQUALS, Operator.IN})
_GREATEST = frozenset({*_LOWER, Operator.AFTER, Operator.LONGER_AGO_THAN})
"""Of several of these operators the greatest operand asks most; of the others with a size, the least does."""


class Required:
    """What comparisons of one value ask of it, in so few that a further one is compared with a handful.

    Each operator with a size stands once, as it asks most; of the values that are named, those are kept that pass.
    """

    def __init__(self) -> None:
        self._strictest: dict[Operator, Comparison] = {}
        self._others: list[Comparison] = []
        self._choices: Comparison | None = None

    def contradicts(self, more: Sequence[Comparison]) -> str | None:
        """Return why no value passes further comparisons as well, in words; None if some value does."""
        return contradiction([*self._compared_with(more), *more])

    def add(self, more: Sequence[Comparison]) -> None:
        """Ask for more, which contradicts nothing."""
        comparisons = [*self._compared_with(more), *more]
        if self._choices is not None or _names(more):
            first = next(each for each in comparisons if each.operator in _NAMING)
            values = passing(_operands(_shortest(comparisons)), comparisons)
            self._choices = Comparison(first.operator, tuple(values))
            self._others.clear()
        for comparison in more:
            known = self._strictest.get(comparison.operator)
            if comparison.operator in ORDERINGS | TIMES | _OF_TEXTS.keys() | {Operator.EXISTS}:
                self._strictest[comparison.operator] = _stricter(known, comparison)
            if self._choices is None and comparison.operator not in ORDERINGS | TIMES:
                self._others.append(comparison)

    def _compared_with(self, more: Sequence[Comparison]) -> list[Comparison]:
        strictest = list(self._strictest.values())
        if self._choices is not None:
            return [*strictest, self._choices]
        return [*strictest, *self._others] if _names(more) else strictest or self._others[:1]


def _names(comparisons: Sequence[Comparison]) -> bool:
    return any(comparison.operator in _NAMING for comparison in comparisons)


def _stricter(one: Comparison | None, other: Comparison) -> Comparison:
    if one is None or isinstance(one.operand, str | tuple) or isinstance(other.operand, str | tuple):
        return one or other
    return (max if one.operator in _GREATEST else min)(one, other, key=_size)


def _size(comparison: Comparison) -> int | float:
    return _number(comparison.operand)


def contradiction(comparisons: Sequence[Comparison]) -> str | None:
    """Return which of the comparisons of one value cannot hold together, in words; None if some value passes all."""
    for check in (_missing, _kinds, _bounds, _dates, _choices):
        reason = check(comparisons)
        if reason is not None:
            return reason
    return None


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
    by: dict[Operator, Comparison] = {}
    for comparison in comparisons:
        if comparison.operator in TIMES:
            by[comparison.operator] = _stricter(by.get(comparison.operator), comparison)
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
    if not _names(comparisons) or passing(_operands(_shortest(comparisons)), comparisons):
        return None
    first = next(each for each in comparisons if each.operator in _NAMING)
    return f"no value of {first.operator.value} passes the others"


def _shortest(comparisons: Sequence[Comparison]) -> Comparison:
    """The comparison that names the fewest values."""
    return min((each for each in comparisons if each.operator in _NAMING), key=lambda each: len(_operands(each)))


def passing(values: Iterable[Scalar], comparisons: Sequence[Comparison]) -> list[Scalar]:
    """Return the values that pass all of the comparisons."""
    tests = [_test(comparison) for comparison in comparisons]
    return [value for value in values if all(test(value) for test in tests)]


def _test(comparison: Comparison) -> Callable[[Scalar], bool]:
    operator, operands = comparison.operator, _operands(comparison)
    if operator in ORDERINGS:
        bound, is_in_order = _number(operands[0]), _ORDERS[operator]
        return lambda value: not isinstance(value, bool | str) and is_in_order(value, bound)
    if operator in _NAMING | {Operator.NOT_EQUALS, Operator.NOT_IN}:
        named = frozenset(map(_kind_and_value, operands))
        is_wanted = operator in _NAMING
        return lambda value: (_kind_and_value(value) in named) is is_wanted
    if operator in _OF_TEXTS:
        text, holds = str(operands[0]), _OF_TEXTS[operator]
        return lambda value: isinstance(value, str) and holds(value, text)
    if operator in {Operator.CONTAINS, Operator.CONTAINS_ANY, Operator.NOT_CONTAINS}:
        parts = tuple(each for each in operands if isinstance(each, str))
        is_wanted = operator is not Operator.NOT_CONTAINS
        return lambda value: (isinstance(value, str) and any(part in value for part in parts)) is is_wanted
    return lambda value: operator is Operator.EXISTS or isinstance(value, str)  # texts may be times


_ORDERS: Mapping[Operator, Callable[[float, float], bool]] = {
    Operator.GREATER_THAN: lambda value, bound: value > bound,
    Operator.GREATER_OR_EQUAL: lambda value, bound: value >= bound,
    Operator.LESS_THAN: lambda value, bound: value < bound,
    Operator.LESS_OR_EQUAL: lambda value, bound: value <= bound,
}


def _kind_and_value(value: Scalar) -> tuple[bool, Scalar]:
    """What two values have in common only if they are the same: true is no 1."""
    return isinstance(value, bool), value


def _operands(comparison: Comparison) -> tuple[Scalar, ...]:
    return comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)


def _number(operand: Scalar | tuple[Scalar, ...]) -> int | float:
    assert isinstance(operand, int | float)
    return operand


def _said(comparison: Comparison) -> str:
    return f"{comparison.operator.value} {comparison.operand}"
