"""Scalars of events as aggregates take them, each in one form: docs/decisions/0033 says what is none."""

import json
import math
from typing import TypeGuard

import msgspec

from definitions.model import Scalar
from definitions.plan.accumulators import LONG_NUMBER_BYTES, MAX_DISTINCT, MAX_LIST_BYTES

MAX_TEXT_LENGTH = 256
_encode = json.JSONEncoder(ensure_ascii=False).encode
_json = msgspec.json.Encoder().encode
_NUMBERS = (int, float)
_EXACT = 2**53  # up to it a double has every whole number


def scalar(value: object) -> Scalar | None:
    """Return a value of decoded JSON as an aggregate takes it; None for what is none.

    A number is a double; a whole one is an int, so that 1 and 1.0 are one value of one text.
    """
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT_LENGTH else None
    if isinstance(value, bool):
        return value
    return number(value)


def members(value: object) -> tuple[Scalar, ...] | None:
    """Return the values in a list, each once and in their order, the first of them; a scalar is a list of one.

    None if there are none: a member that is no scalar does not count.
    """
    listed = value if isinstance(value, list) else [value]
    distinct = {json_text(member): member for each in listed if (member := scalar(each)) is not None}
    return tuple(distinct[text] for text in sorted(distinct, key=rank_of_text)[:MAX_DISTINCT]) or None


def number(value: object) -> int | float | None:
    """Return a number as an aggregate takes it; None for what is none: texts and booleans, too."""
    if not is_number(value):
        return None
    if isinstance(value, int) and -_EXACT <= value <= _EXACT:
        return value
    try:
        double = float(value)
    except OverflowError:
        return None
    if not math.isfinite(double):
        return None
    return int(double) if double.is_integer() and -_EXACT <= double <= _EXACT else double


def fitting(values: list[Scalar]) -> list[Scalar]:
    """Return the first values of a list, as many as fit into 8 KiB of JSON."""
    taken = 1  # a bracket; behind each value stands a comma, or the other bracket
    for index, value in enumerate(values):
        taken += (LONG_NUMBER_BYTES if isinstance(value, float) else len(_json(value))) + 1
        if taken > MAX_LIST_BYTES:
            return values[:index]
    return values


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value of decoded JSON is a number, which true and false are not."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def json_text(value: Scalar) -> str:
    """Return the JSON text of a scalar: of texts without needless escapes."""
    return _encode(value)


def rank(value: Scalar) -> tuple[int, str | float]:
    """Return what orders values: texts by code points, then numbers by size, then false and true."""
    if isinstance(value, str):
        return 0, value
    return (2 if isinstance(value, bool) else 1), float(value)


def rank_of_text(text: str) -> tuple[int, str | float]:
    """Return the rank of a value by its JSON text."""
    if text[0] == '"' and "\\" not in text:
        return 0, text[1:-1]
    return rank(json.loads(text))
