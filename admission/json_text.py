"""JSON to values and back to compact text: numbers keep their digits, and what is odd within is repaired.

By Python's own parser, because it alone reports repeated keys and the digits of numbers. What it can read and others
cannot is repaired by `written`: its text is read alike by every parser. Leaves to the ways in which values are objects.
Time and memory of every function here grow no faster than what was sent.
"""

import json
import math
import re
from collections import Counter
from typing import NamedTuple, TypeAlias

import msgspec

from admission.rejection import Rejection
from admission.repairs import MAX_PATH_LENGTH, MAX_REPAIRS, RepairReason, Repairs

MAX_DEPTH = 32
MAX_EXCERPT_BYTES = 64 * 1024

_PARSED_DEPTH = 100  # more than any event may have, less than what ends the parser's recursion


class NoNumber:
    """Stands where something is written for a number that no double can hold: NaN, Infinity, 1e999."""

    __slots__ = ("written",)

    def __init__(self, written: str) -> None:
        self.written = written


class RepeatedKeys(dict[str, "JsonValue"]):
    """An object in which keys were repeated, with the last value of each. `repeated`: the first few of them."""

    def __init__(self, pairs: list[tuple[str, "JsonValue"]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs)
        self.repeated = [name for name, count in counts.items() if count > 1][:MAX_REPAIRS]


# Raw holds the digits of a number that a float or a 64-bit integer could not give back unchanged. Text may hold halves
# of surrogate pairs: those that were sent as escapes, and those that stand for bytes that are no UTF-8.
JsonValue: TypeAlias = "bool | int | str | msgspec.Raw | list[JsonValue] | JsonObject | NoNumber | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"


class Written(NamedTuple):
    """An object without anything odd, and its text."""

    value: JsonObject
    text: str


def parse(body: bytes) -> JsonValue:
    """Return the body's value. Raises Rejection if it is no JSON."""
    if not body.strip():
        raise Rejection("invalid_json", "the body is empty")
    try:
        return parse_text(body.decode("utf-8-sig", errors="surrogateescape"))
    except Rejection as rejection:
        invalid = _invalid_utf8(body)
        message = f"{rejection.message} (nor is it UTF-8: {invalid})" if invalid else rejection.message
        raise Rejection(rejection.code, message) from None


def parse_text(text: str) -> JsonValue:
    """Return the value of a text, without what lies deeper than any event may. Raises Rejection if it is no JSON."""
    try:
        try:
            return _decode(text)
        except RecursionError:
            return _decode(_without_depths(text))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Rejection("invalid_json", f"not JSON: {error.msg} at {where}") from None


def without_trailing_commas(text: str) -> str:
    """Return the text without the commas that stand before the end of an object or a list."""
    return _STRING_OR_TRAILING_COMMA.sub(lambda token: token[0] if token[0][0] == '"' else "", text)


def written(value: JsonObject, field: str, repairs: Repairs, levels: int = MAX_DEPTH) -> Written:
    """Return an object as text without blanks, Unicode as it is; what is odd in it is repaired and named.

    A broken character becomes U+FFFD. What no reader can take (NaN, more than `levels` levels) is left out of an
    object, and null in a list. Of a repeated key the last value counts.
    """
    if not value:
        return Written({}, "{}")
    if _is_sound(value, levels):
        try:
            return Written(value, _ENCODER.encode(value).decode())
        except UnicodeEncodeError:
            pass  # half of a surrogate pair is somewhere
    repaired = _Repairing(field, repairs).object(value, levels)
    return Written(repaired, _ENCODER.encode(repaired).decode())


def repeated_keys(value: JsonObject) -> list[str]:
    """Return the first few of an object's own keys that were repeated."""
    return value.repeated if isinstance(value, RepeatedKeys) else []


def mended(text: str) -> str:
    """Return a text with U+FFFD for each half of a surrogate pair, and each byte that was no UTF-8."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)


def excerpt(value: JsonValue) -> str:
    """Return what was sent, as text for `events.rejected`, cut; what is odd is shown as far as it can be."""
    try:
        return excerpt_of_bytes(_ENCODER.encode(value))
    except (UnicodeEncodeError, RecursionError):
        return json.dumps(_showable(value, MAX_DEPTH))[:MAX_EXCERPT_BYTES]


def excerpt_of_bytes(body: bytes) -> str:
    """Return the same of a body that is not parsed; what is no UTF-8 becomes U+FFFD."""
    text = body[:MAX_EXCERPT_BYTES].decode(errors="replace")
    return text.encode()[:MAX_EXCERPT_BYTES].decode(errors="ignore")


class _Repairing:
    """Copies an object, and repairs what is odd on the way. Keeps the path to where it is."""

    def __init__(self, field: str, repairs: Repairs) -> None:
        self._steps = [field]
        self._repairs = repairs

    def object(self, value: JsonObject, levels: int) -> JsonObject:
        for name in repeated_keys(value):
            self._note("repeated_key", name)
        copied: JsonObject = {}
        for name, child in value.items():
            key = mended(name)
            if key != name:
                self._note("broken_character", name)
            repaired = self._child(name, child, levels - 1)
            if not isinstance(repaired, NoNumber):
                copied[key] = repaired
        return copied

    def _child(self, name: str, value: JsonValue, levels: int) -> JsonValue:
        """Return the repaired value; a NoNumber for one that must be left out."""
        self._steps.append(name)
        repaired = self._repaired(value, levels)
        self._steps.pop()
        return repaired

    def _repaired(self, value: JsonValue, levels: int) -> JsonValue:
        if isinstance(value, str):
            text = mended(value)
            if text != value:
                self._note("broken_character")
            return text
        if isinstance(value, NoNumber):
            self._note("invalid_number")
            return value
        if not isinstance(value, dict | list):
            return value
        if levels == 0:
            self._note("too_deep")
            return _TOO_DEEP
        if isinstance(value, dict):
            return self.object(value, levels)
        children = [self._child(str(index), child, levels - 1) for index, child in enumerate(value)]
        return [None if isinstance(child, NoNumber) else child for child in children]

    def _note(self, reason: RepairReason, *further: str) -> None:
        if not self._repairs.is_full:
            steps = [step[:MAX_PATH_LENGTH] for step in (*self._steps, *further)]
            self._repairs.add(".".join(steps), reason)


def _is_sound(value: JsonValue, levels: int) -> bool:
    """Return whether nothing in an object or list is nested too deep or must be repaired, but perhaps texts."""
    if levels == 0 or not isinstance(value, _SOUND):
        return False
    if type(value) is RepeatedKeys:
        return False
    for child in value.values() if isinstance(value, dict) else value:
        if type(child) in _LOOKED_INTO and not _is_sound(child, levels - 1):
            return False
    return True


def _without_depths(text: str) -> str:
    """Return the text with 0 for what lies deeper than the parser is asked to go: `written` takes that out, too."""
    kept, begin, depth = [], 0, 0
    for token in _STRING_OR_BRACKETS.finditer(text):
        brackets = token[0]
        if brackets[0] in "[{":
            if depth <= _PARSED_DEPTH < depth + len(brackets):
                kept += [text[begin : token.start() + _PARSED_DEPTH - depth], "0"]
            depth += len(brackets)
        elif brackets[0] in "]}":
            if depth - len(brackets) <= _PARSED_DEPTH < depth:
                begin = token.start() + depth - _PARSED_DEPTH
            depth -= len(brackets)
    return "".join([*kept, text[begin:]]) if depth <= _PARSED_DEPTH else "".join(kept)


def _invalid_utf8(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} is {body[error.start]:#04x}"
    return ""


def _showable(value: JsonValue, levels: int) -> object:
    """Return what any encoder can write of it: nothing deeper than `levels`, long numbers as text."""
    if isinstance(value, NoNumber):
        return value.written
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return "..."
    if isinstance(value, dict):
        return {name: _showable(child, levels - 1) for name, child in value.items()}
    return [_showable(child, levels - 1) for child in value]


def _decode(text: str) -> JsonValue:
    decoded: JsonValue = _DECODER.decode(text)
    return decoded


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    unique = dict(pairs)
    return unique if len(unique) == len(pairs) else RepeatedKeys(pairs)


def _number(digits: str) -> JsonValue:
    return NoNumber(digits) if math.isinf(float(digits)) else msgspec.Raw(digits.encode())


def _integer(digits: str) -> JsonValue:
    return int(digits) if len(digits) < 19 and digits != "-0" else _number(digits)


def _shown(value: object) -> object:
    if isinstance(value, NoNumber):
        return value.written
    raise NotImplementedError


_TOO_DEEP = NoNumber("...")
_SOUND = (dict, list)
_LOOKED_INTO = frozenset({dict, list, RepeatedKeys, NoNumber})
_HALF = re.compile("[\ud800-\udfff]")
# Strings are possessive, and may lack their end: so each character is read once.
_STRING = r'"(?:[^"\\]++|\\.)*+"?'
_STRING_OR_BRACKETS = re.compile(rf"{_STRING}|[\[{{]++|[\]}}]++", re.DOTALL)
_STRING_OR_TRAILING_COMMA = re.compile(rf"{_STRING}|,(?=[ \t\r\n]*+[\]}}])", re.DOTALL)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=NoNumber,
    strict=False,  # a line feed or a tab within a text is no JSON, but nobody can mistake it
)  # fmt: skip
_ENCODER = msgspec.json.Encoder(enc_hook=_shown)
