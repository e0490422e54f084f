"""Values of JSON: their kinds, their order, and comparisons of them."""

import re
from collections.abc import Mapping, Sequence

from definitions.model import Comparison, Operator, Scalar
from tests.definitions.naive.times import as_time, compare_times


def value_at(values: object, path: Sequence[str]) -> object:
    if not path:
        return values
    return value_at(values.get(path[0]), path[1:]) if isinstance(values, Mapping) else None


def kind(value: object) -> str:
    """JSON's own kinds, in which true is no number and 1 is 1.0."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def rank(value: Scalar) -> tuple[int, str | float]:
    """What orders values, and is equal for equal ones."""
    if isinstance(value, str):
        return 0, value
    return (2 if isinstance(value, bool) else 1), float(value)


def same(left: object, right: object) -> bool:
    if kind(left) == "number" == kind(right):
        return float(left) == float(right)  # type: ignore[arg-type]
    return kind(left) == kind(right) and left == right


def passes(comparisons: Sequence[Comparison], value: object, now: int) -> bool:
    return all(compare(comparison, value, now) for comparison in comparisons)


def compare(comparison: Comparison, value: object, now: int = 0) -> bool:
    operand = comparison.operand
    if comparison.operator is Operator.EXISTS:
        return operand is (value is not None)
    if value is None:
        return False
    if comparison.operator is Operator.CONTAINS_ANY:
        assert isinstance(operand, tuple)
        return any(contains(value, each) for each in operand)
    if isinstance(operand, tuple):
        return any(same(value, each) for each in operand) is (comparison.operator is Operator.IN)
    answers = {
        Operator.EQUALS: lambda: same(value, operand),
        Operator.NOT_EQUALS: lambda: not same(value, operand),
        Operator.CONTAINS: lambda: contains(value, operand),
        Operator.NOT_CONTAINS: lambda: not contains(value, operand),
        Operator.ENDS_WITH: lambda: isinstance(value, str) and value[::-1].startswith(str(operand)[::-1]),
        Operator.MATCHES: lambda: isinstance(value, str) and finds(str(operand), value),
        Operator.STARTS_WITH: lambda: isinstance(value, str) and value[: len(str(operand))] == operand,
        Operator.GREATER_THAN: lambda: order(value, operand) == 1,
        Operator.GREATER_OR_EQUAL: lambda: order(value, operand) in (0, 1),
        Operator.LESS_THAN: lambda: order(value, operand) == -1,
        Operator.LESS_OR_EQUAL: lambda: order(value, operand) in (0, -1),
    }
    answer = answers.get(comparison.operator)
    return answer() if answer is not None else compare_times(comparison, as_time(value), now)


def finds(pattern: str, text: str) -> bool:
    """As RE2 does: a dot is a line break as well, and `$` the end alone."""
    return re.search(pattern.replace("$", r"\Z"), text, re.DOTALL) is not None


def contains(value: object, operand: object) -> bool:
    if isinstance(value, list):
        return any(same(item, operand) for item in value)
    return isinstance(value, str) and isinstance(operand, str) and value.find(operand) >= 0


def order(value: object, operand: object) -> int | None:
    """-1, 0 or 1; None for what has no order."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    assert isinstance(operand, int | float)
    return (float(value) > float(operand)) - (float(value) < float(operand))
