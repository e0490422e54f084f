"""Comparisons compiled to tests of decoded JSON; their meaning is documented in `docs/guide/definitions.md`.

Strict about types: a number never equals a text, true is not 1. Numbers are doubles. A missing value and JSON null are
the same, and satisfy `exists: false` only.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from definitions.model import RELATIVE, Comparison, Operator, Path, Scalar
from definitions.patterns import compile_pattern
from definitions.streaming.scalars import is_number
from definitions.streaming.subject import NEVER, Evaluation
from definitions.streaming.times import time_of

Predicate: TypeAlias = Callable[[object], bool]
Test: TypeAlias = Callable[[object, int], Evaluation]
"""Whether a value passes at a time, and until when."""
Reader: TypeAlias = Callable[[Mapping[str, object]], object]

_HOLDS, _FAILS = (True, NEVER), (False, NEVER)
_ORDERINGS: dict[Operator, Callable[[float, float], bool]] = {
    Operator.GREATER_THAN: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
    Operator.LESS_THAN: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
}
ORDERINGS = frozenset(_ORDERINGS)
"""Compare numbers only."""
FLOORS = frozenset({Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL})
"""The orderings that hold from a number on."""


def compile_path(path: Path) -> Reader:
    """Compile a path: the value there; None where it is missing, null, or its way leads through what is no object."""
    first, *rest = path
    if not rest:
        return lambda values: values.get(first)

    def read(values: Mapping[str, object]) -> object:
        return value_within(values.get(first), rest)

    return read


def value_within(value: object, path: Iterable[str]) -> object:
    """Return what lies at a path within a value; None where it is missing or the way leads through no object."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def compile_comparisons(comparisons: tuple[Comparison, ...]) -> Predicate:
    """Compile comparisons, none of which is relative to now: whether one value passes all."""
    predicates = tuple(_compile(comparison) for comparison in comparisons)
    if len(predicates) == 1:
        return predicates[0]
    return lambda value: all(predicate(value) for predicate in predicates)


def thresholds_of(comparison: Comparison) -> tuple[float, ...]:
    """Return the numbers from each of which on a comparison answers otherwise than for those just below it."""
    operands = comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)
    limits = [as_double(operand) for operand in operands if is_number(operand)]
    match comparison.operator:
        case Operator.GREATER_OR_EQUAL | Operator.LESS_THAN:
            return tuple(limits)
        case Operator.GREATER_THAN | Operator.LESS_OR_EQUAL:
            return tuple(_next_double(limit) for limit in limits)
        case Operator.EQUALS | Operator.NOT_EQUALS | Operator.IN | Operator.NOT_IN:
            return tuple(threshold for limit in limits for threshold in (limit, _next_double(limit)))
        case _:
            return ()  # of texts, times and lists; all numbers exist


def is_of_numbers(comparison: Comparison) -> bool:
    """Return whether no value but a number passes a comparison."""
    operands = comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)
    return comparison.operator in ORDERINGS | {Operator.EQUALS, Operator.IN} and all(map(is_number, operands))


def _next_double(number: float) -> float:
    return math.nextafter(number, math.inf)


def compile_test(comparisons: tuple[Comparison, ...]) -> Test:
    """Compile comparisons: whether one value passes all at a time, and until when."""
    absolute = compile_comparisons(tuple(each for each in comparisons if each.operator not in RELATIVE))
    relative = tuple(_compile_relative(each) for each in comparisons if each.operator in RELATIVE)
    if not relative:
        return lambda value, _now: _HOLDS if absolute(value) else _FAILS

    def test(value: object, now: int) -> Evaluation:
        time = time_of(value)
        if time is None or not absolute(value):
            return _FAILS
        evaluations = [each(time, now) for each in relative]
        failing = [until for holds, until in evaluations if not holds]
        if failing:
            return False, max(failing)
        return True, min(until for _, until in evaluations)

    return test


def _compile_relative(comparison: Comparison) -> Callable[[int, int], Evaluation]:
    assert isinstance(comparison.operand, int)
    duration = comparison.operand
    match comparison.operator:
        case Operator.WITHIN_LAST:
            return lambda time, now: _within(time, time + duration, now)
        case Operator.WITHIN_NEXT:
            return lambda time, now: _within(time - duration, time, now)
        case _:
            return lambda time, now: _within(time + duration, NEVER, now)


def _within(begins: int, ends: int, now: int) -> Evaluation:
    """Whether `now` lies in a period, `ends` no more belonging to it."""
    if now < begins:
        return (False, begins) if begins < ends else _FAILS
    return (True, ends) if now < ends else _FAILS


def _compile(comparison: Comparison) -> Predicate:
    operand = comparison.operand
    if comparison.operator is Operator.CONTAINS_ANY:
        return _contains(operand if isinstance(operand, tuple) else (operand,))
    if isinstance(operand, tuple):
        return _compile_choice(comparison.operator, operand)
    if comparison.operator in _ORDERINGS:
        return _compile_ordering(_ORDERINGS[comparison.operator], operand)
    return _COMPILERS[comparison.operator](operand)


def _compile_ordering(compare: Callable[[float, float], bool], limit: Scalar) -> Predicate:
    if isinstance(limit, str):
        raise TypeError(f"an ordering needs a number, not {limit!r}")
    double = float(limit)
    return lambda value: is_number(value) and compare(as_double(value), double)


def _compile_choice(choice: Operator, operands: tuple[Scalar, ...]) -> Predicate:
    # Python holds True and 1 for the same member of a set, JSON does not.
    known = frozenset((isinstance(operand, bool), _comparable(operand)) for operand in operands)

    def is_in(value: object) -> bool:
        return isinstance(value, str | int | float) and (isinstance(value, bool), _comparable(value)) in known

    if choice is Operator.IN:
        return is_in
    return lambda value: value is not None and not is_in(value)


def _equals(operand: Scalar) -> Predicate:
    if isinstance(operand, bool):
        return lambda value: value is operand
    if isinstance(operand, str):
        return lambda value: value == operand
    double = float(operand)
    return lambda value: is_number(value) and as_double(value) == double


def _before(operand: Scalar) -> Predicate:
    limit = int(operand)
    return lambda value: (time := time_of(value)) is not None and time < limit


def _after(operand: Scalar) -> Predicate:
    limit = int(operand)
    return lambda value: (time := time_of(value)) is not None and time > limit


def as_double(number: float) -> float:
    """Return a number as a double, infinite where it is beyond all of them."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _comparable(value: Scalar) -> Scalar:
    return as_double(value) if is_number(value) else value


def _contains(operands: tuple[Scalar, ...]) -> Predicate:
    """Whether a list has one of these members, or a text one of these parts."""
    is_member = _compile_choice(Operator.IN, operands)
    texts = tuple(operand for operand in operands if isinstance(operand, str))

    def contains(value: object) -> bool:
        if isinstance(value, list):
            return any(map(is_member, value))
        return isinstance(value, str) and any(text in value for text in texts)

    return contains


def _differs(operand: Scalar) -> Predicate:
    equals = _equals(operand)
    return lambda value: value is not None and not equals(value)


def _starts_with(operand: Scalar) -> Predicate:
    prefix = str(operand)
    return lambda value: isinstance(value, str) and value.startswith(prefix)


def _ends_with(operand: Scalar) -> Predicate:
    suffix = str(operand)
    return lambda value: isinstance(value, str) and value.endswith(suffix)


def _matches(operand: Scalar) -> Predicate:
    search = compile_pattern(str(operand)).search
    return lambda value: isinstance(value, str) and search(value) is not None


def _lacks(operand: Scalar) -> Predicate:
    contains = _contains((operand,))
    return lambda value: value is not None and not contains(value)


def _exists(wanted: Scalar) -> Predicate:
    return lambda value: (value is not None) is wanted


_COMPILERS: Mapping[Operator, Callable[[Scalar], Predicate]] = {
    Operator.EQUALS: _equals,
    Operator.NOT_EQUALS: _differs,
    Operator.CONTAINS: lambda operand: _contains((operand,)),
    Operator.NOT_CONTAINS: _lacks,
    Operator.STARTS_WITH: _starts_with,
    Operator.ENDS_WITH: _ends_with,
    Operator.MATCHES: _matches,
    Operator.EXISTS: _exists,
    Operator.BEFORE: _before,
    Operator.AFTER: _after,
}
