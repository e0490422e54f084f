"""JSON to values and back to compact text: numbers keep their digits, and what readers disagree about is refused.

By Python's own parser, because it alone tells of repeated keys; ClickHouse would refuse them long after the answer.
"""

import json
import math
from typing import TypeAlias

import msgspec

from collectors.rejection import Code, Rejection

MAX_DEPTH = 32


class Unacceptable:
    """Stands where an event has something that JSON allows or senders write, but that must not be accepted."""

    __slots__ = ("code", "message", "value")

    def __init__(self, code: Code, message: str, value: "JsonValue") -> None:
        self.code: Code = code
        self.message = message
        self.value = value


# Raw holds the digits of a number that a float or a 64-bit integer could not give back unchanged.
JsonValue: TypeAlias = "bool | int | str | msgspec.Raw | list[JsonValue] | JsonObject | Unacceptable | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"


def parse(body: bytes) -> JsonValue:
    """The body's value. Raises Rejection if it is no JSON at all; `check` finds what is wrong inside of one event."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is {body[error.start]:#04x}"
        raise Rejection("invalid_json", f"the body is not UTF-8: {where}") from None
    try:
        parsed: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Rejection("invalid_json", f"the body is not JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise Rejection("too_deep", f"nested more than {MAX_DEPTH} levels deep") from None
    return parsed


def check(value: JsonValue, field: str = "", levels: int = MAX_DEPTH) -> None:
    """Raise Rejection, with the path of the field, where a value is nested too deep or holds something unacceptable."""
    if isinstance(value, Unacceptable):
        raise Rejection(value.code, value.message, _shown_path(field))
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = {str(index): child for index, child in enumerate(value)}.items()
    else:
        return
    if levels == 0:
        raise Rejection("too_deep", f"nested more than {MAX_DEPTH} levels deep", _shown_path(field))
    for name, child in children:
        if type(child) in _NESTED:
            check(child, f"{field}.{name}" if field else name, levels - 1)


def compact(value: JsonValue) -> str:
    """JSON text without blanks, Unicode as it is. Raises Rejection for half a surrogate pair: no encoding holds it."""
    try:
        return _ENCODER.encode(value).decode()
    except UnicodeEncodeError:
        raise Rejection("invalid_json", "a string holds half of a surrogate pair (\\ud800 to \\udfff)") from None


def excerpt(value: JsonValue) -> str:
    """What was sent, as text for `events.rejected`; unacceptable parts are shown as far as they can be."""
    try:
        return _ENCODER.encode(value).decode()
    except (UnicodeEncodeError, RecursionError):
        return json.dumps(value, default=str)


def _shown_path(field: str) -> str | None:
    return field[:200].encode(errors="replace").decode() or None


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
    unique = dict(pairs)
    if len(unique) == len(pairs):
        return unique
    names = [name for name, _ in pairs]
    repeated = next(name for name in names if names.count(name) > 1)
    return Unacceptable("duplicate_key", f"the key {repeated[:100]!r} is there twice", unique)


def _number(digits: str) -> JsonValue:
    if math.isinf(float(digits)):
        return Unacceptable("invalid_number", "a number is beyond what 64-bit floating point can hold", digits)
    return msgspec.Raw(digits.encode())


def _integer(digits: str) -> JsonValue:
    return int(digits) if len(digits) < 19 else _number(digits)


def _constant(name: str) -> JsonValue:
    return Unacceptable("invalid_number", f"{name} is not a number that JSON knows", name)


def _shown(value: object) -> object:
    if isinstance(value, Unacceptable):
        return value.value
    raise NotImplementedError


_NESTED = frozenset({dict, list, Unacceptable})
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_number, parse_int=_integer, parse_constant=_constant
)
_ENCODER = msgspec.json.Encoder(enc_hook=_shown)
