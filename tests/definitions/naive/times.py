"""Times of texts, and their comparisons."""

import re
from datetime import UTC, datetime, timedelta

from definitions.model import Comparison, Operator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def compare_times(comparison: Comparison, time: int | None, now: int) -> bool:
    operand = comparison.operand
    assert isinstance(operand, int)
    if time is None:
        return False
    return {
        Operator.BEFORE: time < operand,
        Operator.AFTER: time > operand,
        Operator.WITHIN_LAST: now - operand < time <= now,
        Operator.LONGER_AGO_THAN: time <= now - operand,
        Operator.WITHIN_NEXT: now < time <= now + operand,
    }[comparison.operator]


TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def as_time(value: object) -> int | None:
    """The time (ms) that a text says."""
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    day, hours, minutes, seconds, decimals, offset = found.groups()
    zone = "+0000" if offset in {None, "Z"} else offset.replace(":", "").ljust(5, "0")
    clock = f"{hours or '00'}:{minutes or '00'}:{seconds or '00'}"
    milliseconds = (decimals or "").ljust(3, "0")[:3]
    try:
        moment = datetime.strptime(f"{day} {clock}.{milliseconds} {zone}", "%Y-%m-%d %H:%M:%S.%f %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (moment - EPOCH) // timedelta(milliseconds=1)


def utc(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def as_text(ms: int) -> str:
    return f"{utc(ms):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"
