"""Expressions and rules compiled to values of a subject at a time: docs/decisions/0033 has the functions."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from definitions.model import Expression, Function, Literally, Rule, TraitValue
from definitions.streaming.conditions import compile_condition
from definitions.streaming.keys import KeyOf
from definitions.streaming.scalars import is_number, number
from definitions.streaming.subject import NEVER, Subject, Value
from definitions.streaming.times import DAY_MS, next_birthday, time_of, years_between
from definitions.streaming.values import as_double, value_within

EvaluateTrait: TypeAlias = Callable[[Subject, int], Value]


def compile_rule(rule: Rule, key_of: KeyOf) -> EvaluateTrait:
    """Return the value of the first case that holds, or of `otherwise`."""
    cases = [(compile_condition(case.when, key_of), compile_expression(case.then)) for case in rule.cases]
    otherwise = None if rule.otherwise is None else compile_expression(rule.otherwise)

    def evaluate(subject: Subject, now: int) -> Value:
        earliest = NEVER
        for holds_when, then in cases:
            holds, until = holds_when(subject, now)
            earliest = min(earliest, until)
            if holds:
                return _lasting(then(subject, now), earliest)
        return (None, earliest) if otherwise is None else _lasting(otherwise(subject, now), earliest)

    return evaluate


def _lasting(evaluated: Value, until: int) -> Value:
    value, own_until = evaluated
    return value, min(own_until, until)


def compile_expression(expression: Expression) -> EvaluateTrait:
    """Return the value of an expression."""
    match expression:
        case Literally(value):
            literal = (value, NEVER)
            return lambda _subject, _now: literal
        case TraitValue(path):
            name, *rest = path
            return lambda subject, _now: (value_within(subject.trait(name), rest), NEVER)
        case Function(name="coalesce", arguments=arguments):
            return _compile_coalesce(tuple(map(compile_expression, arguments)))
        case Function(name="length", arguments=(argument,)):
            return _compile_length(compile_expression(argument))
        case Function(name=name, arguments=(argument,)) if name in _OF_TIME:
            return _compile_of_time(_OF_TIME[name], compile_expression(argument))
        case Function(name=name, arguments=arguments):
            return _compile_of_numbers(_OF_NUMBERS[name], tuple(map(compile_expression, arguments)))


def _compile_coalesce(arguments: Sequence[EvaluateTrait]) -> EvaluateTrait:
    def evaluate(subject: Subject, now: int) -> Value:
        earliest = NEVER
        for argument in arguments:
            value, until = argument(subject, now)
            earliest = min(earliest, until)
            if value is not None:
                return value, earliest
        return None, earliest

    return evaluate


def _compile_length(argument: EvaluateTrait) -> EvaluateTrait:
    def evaluate(subject: Subject, now: int) -> Value:
        value, until = argument(subject, now)
        return len(value) if isinstance(value, list) else None, until

    return evaluate


def _compile_of_time(function: Callable[[int, int], Value], argument: EvaluateTrait) -> EvaluateTrait:
    def evaluate(subject: Subject, now: int) -> Value:
        given, given_until = argument(subject, now)
        time = time_of(given)
        if time is None:
            return None, given_until
        return _lasting(function(time, now), given_until)

    return evaluate


def _compile_of_numbers(function: Callable[..., float], arguments: Sequence[EvaluateTrait]) -> EvaluateTrait:
    def evaluate(subject: Subject, now: int) -> Value:
        earliest, numbers = NEVER, []
        for argument in arguments:
            value, until = argument(subject, now)
            earliest = min(earliest, until)
            numbers.append(as_double(value) if is_number(value) else None)
        if None in numbers:
            return None, earliest
        try:
            return number(function(*numbers)), earliest
        except (ArithmeticError, ValueError):  # a division by 0, or what no double can hold
            return None, earliest

    return evaluate


def _days_since(time: int, now: int) -> Value:
    days = (now - time) // DAY_MS
    return days, time + (days + 1) * DAY_MS


def _age(born: int, now: int) -> Value:
    birthday = next_birthday(born, now)
    return years_between(born, now), NEVER if birthday is None else birthday


def _round(value: float, digits: float = 0.0) -> float:
    power = math.pow(10.0, digits)
    return float(round(value * power)) / power


_OF_TIME: Mapping[str, Callable[[int, int], Value]] = {"days_since": _days_since, "age": _age}
_OF_NUMBERS: Mapping[str, Callable[..., float]] = {
    "add": lambda left, right: left + right,
    "subtract": lambda left, right: left - right,
    "multiply": lambda left, right: left * right,
    "divide": lambda left, right: left / right,
    "negate": lambda value: -value,
    "round": _round,
    "floor": lambda value: float(value // 1),
    "min": lambda *numbers: min(numbers),
    "max": lambda *numbers: max(numbers),
}
FUNCTIONS = frozenset({"coalesce", "length", *_OF_TIME, *_OF_NUMBERS})
"""The names of all functions."""
