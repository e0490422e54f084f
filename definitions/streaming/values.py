"""Comparisons compiled to predicates over decoded JSON; their meaning is documented in `docs/guide/definitions.md`.

Strict about types: a number never equals a text, true is not 1. A missing value and JSON null are the same, and satisfy
`exists: false` only.
"""

import operator
from collections.abc import Callable, Mapping
from typing import TypeAlias

from definitions.model import Comparison, Operator, Path, Scalar

Predicate: TypeAlias = Callable[[object], bool]
Reader: TypeAlias = Callable[[Mapping[str, object]], object]

_ORDERINGS: dict[Operator, Callable[[float, float], bool]] = {
    Operator.GREATER_THAN: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
    Operator.LESS_THAN: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
}


def compile_path(path: Path) -> Reader:
    """Reads the value at a path; None where it is missing, null, or its way leads through something not an object."""
    first, *rest = path
    if not rest:
        return lambda values: values.get(first)

    def read(values: Mapping[str, object]) -> object:
        value = values.get(first)
        for key in rest:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    return read


def compile_comparisons(comparisons: tuple[Comparison, ...]) -> Predicate:
    """Whether one value passes all comparisons."""
    predicates = tuple(_compile(comparison) for comparison in comparisons)
    if len(predicates) == 1:
        return predicates[0]
    return lambda value: all(predicate(value) for predicate in predicates)


def _compile(comparison: Comparison) -> Predicate:
    operand = comparison.operand
    if isinstance(operand, tuple):
        return _compile_choice(comparison.operator, operand)
    if comparison.operator in _ORDERINGS:
        return _compile_ordering(_ORDERINGS[comparison.operator], operand)
    return _COMPILERS[comparison.operator](operand)


def _compile_ordering(compare: Callable[[float, float], bool], limit: Scalar) -> Predicate:
    if isinstance(limit, str):
        raise TypeError(f"an ordering needs a number, not {limit!r}")
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and compare(value, limit)


def _compile_choice(choice: Operator, operands: tuple[Scalar, ...]) -> Predicate:
    # Python holds True and 1 for the same member of a set, JSON does not.
    known = frozenset((isinstance(operand, bool), operand) for operand in operands)

    def is_in(value: object) -> bool:
        return isinstance(value, str | int | float) and (isinstance(value, bool), value) in known

    if choice is Operator.IN:
        return is_in
    return lambda value: value is not None and not is_in(value)


def _equals(operand: Scalar) -> Predicate:
    if isinstance(operand, bool):
        return lambda value: value is operand
    if isinstance(operand, str):
        return lambda value: value == operand
    return lambda value: value == operand and not isinstance(value, bool)


def _contains(operand: Scalar) -> Predicate:
    equals = _equals(operand)

    def contains(value: object) -> bool:
        if isinstance(value, list):
            return any(equals(item) for item in value)
        return isinstance(value, str) and isinstance(operand, str) and operand in value

    return contains


def _differs(operand: Scalar) -> Predicate:
    equals = _equals(operand)
    return lambda value: value is not None and not equals(value)


def _starts_with(operand: Scalar) -> Predicate:
    prefix = str(operand)
    return lambda value: isinstance(value, str) and value.startswith(prefix)


def _exists(wanted: Scalar) -> Predicate:
    return lambda value: (value is not None) is wanted


_COMPILERS: Mapping[Operator, Callable[[Scalar], Predicate]] = {
    Operator.EQUALS: _equals,
    Operator.NOT_EQUALS: _differs,
    Operator.CONTAINS: _contains,
    Operator.STARTS_WITH: _starts_with,
    Operator.EXISTS: _exists,
}
