"""Makes a field's value fit the type of a column, for tables and files alike: pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from definitions.receivers.columns import ColumnType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOLEANS = {"true": True, "false": False}
_INT64 = 2**63


class Unfit(Exception):
    """A value does not fit its column; the text says which type it should be, never the value."""


def cell(value: object, wanted: ColumnType) -> object:
    """Return a value as a column of this type holds it; None stays None. Raises Unfit."""
    if value is None:
        return None
    return _FITTING[wanted](value)


def text(value: object) -> str:
    """Return a value as text: what is no text already, as JSON. Raises Unfit."""
    written = value if isinstance(value, str) else json_text(value)
    try:
        written.encode()
    except UnicodeEncodeError:
        raise Unfit("is no text: it holds half a character") from None
    return written


def json_text(value: object) -> str:
    """Return a value as JSON. Raises Unfit."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        raise Unfit("cannot be written as JSON") from None


def integer(value: object) -> int:
    """Return a value as an integer of 64 bits. Raises Unfit."""
    try:
        whole = int(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        whole = None
    if whole is None or (isinstance(value, float) and whole != value) or not -_INT64 <= whole < _INT64:
        raise Unfit("is no integer of 64 bits")
    return whole


def number(value: object) -> float:
    """Return a value as a number. Raises Unfit."""
    try:
        if isinstance(value, str | int | float):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise Unfit("is no number")


def boolean(value: object) -> bool:
    """Return a value as true or false. Raises Unfit."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise Unfit("is neither true nor false")


def instant(value: object) -> datetime:
    """Return a value as an instant in UTC: of ISO 8601 (without a zone: UTC), or of ms since 1970. Raises Unfit."""
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(milliseconds=value)
    except (ValueError, OverflowError):
        pass
    raise Unfit("is no time: ISO 8601, or ms since 1970")


_FITTING: Mapping[ColumnType, Callable[[object], object]] = {
    "text": text,
    "integer": integer,
    "number": number,
    "boolean": boolean,
    "time": instant,
    "json": json_text,
}
