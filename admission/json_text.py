"""JSON to values and back to compact text: numbers keep their digits, and what readers disagree about is refused.

By Python's own parser, because it alone reports repeated keys; ClickHouse would refuse them long after the answer.
Time and memory of every function here grow no faster than what was sent.
"""

import json
import math
from collections import Counter
from typing import TypeAlias

import msgspec

from admission.rejection import Code, Rejection

MAX_DEPTH = 32
MAX_PATH_LENGTH = 200
MAX_EXCERPT_BYTES = 64 * 1024


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
    """Return the body's value. Raises Rejection if it is no JSON; `check` finds what is wrong inside of one event."""
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
    fault = _first_fault(value, levels)
    if fault is not None:
        steps = [field, *reversed(fault.steps)] if field else fault.steps[::-1]
        raise Rejection(fault.code, fault.message, _shown_path(steps))


def compact(value: JsonValue) -> str:
    """Return JSON text without blanks, Unicode as it is. Raises Rejection for half a surrogate pair."""
    try:
        return _ENCODER.encode(value).decode()
    except UnicodeEncodeError:
        raise Rejection("invalid_json", "a string holds half of a surrogate pair (\\ud800 to \\udfff)") from None


def excerpt(value: JsonValue) -> str:
    """Return what was sent, as text for `events.rejected`, cut; unacceptable values are shown as far as they can be."""
    try:
        return excerpt_of_bytes(_ENCODER.encode(value))
    except (UnicodeEncodeError, RecursionError):
        return json.dumps(_showable(value, MAX_DEPTH))[:MAX_EXCERPT_BYTES]


def excerpt_of_bytes(body: bytes) -> str:
    """Return the same of a body that is not parsed; what is no UTF-8 becomes U+FFFD."""
    text = body[:MAX_EXCERPT_BYTES].decode(errors="replace")
    return text.encode()[:MAX_EXCERPT_BYTES].decode(errors="ignore")


class _Fault:
    """What is wrong, and the way to it from the inside out: it is built only where there is something wrong."""

    __slots__ = ("code", "message", "steps")

    def __init__(self, code: Code, message: str) -> None:
        self.code: Code = code
        self.message = message
        self.steps: list[str] = []


def _first_fault(value: JsonValue, levels: int) -> _Fault | None:
    if isinstance(value, Unacceptable):
        return _Fault(value.code, value.message)
    if not isinstance(value, dict | list):
        return None
    if levels == 0:
        return _Fault("too_deep", f"nested more than {MAX_DEPTH} levels deep")
    for name, child in value.items() if isinstance(value, dict) else enumerate(value):
        if type(child) in _NESTED:
            fault = _first_fault(child, levels - 1)
            if fault is not None:
                fault.steps.append(str(name)[:MAX_PATH_LENGTH])
                return fault
    return None


def _shown_path(steps: list[str]) -> str | None:
    return ".".join(steps)[:MAX_PATH_LENGTH].encode(errors="replace").decode() or None


def _showable(value: JsonValue, levels: int) -> object:
    """Return what any encoder can write of it: nothing deeper than `levels`, long numbers as text."""
    if isinstance(value, Unacceptable):
        return _showable(value.value, levels)
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return "..."
    if isinstance(value, dict):
        return {name: _showable(child, levels - 1) for name, child in value.items()}
    return [_showable(child, levels - 1) for child in value]


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
    unique = dict(pairs)
    if len(unique) == len(pairs):
        return unique
    counts = Counter(name for name, _ in pairs)
    repeated = next(name for name, count in counts.items() if count > 1)
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
