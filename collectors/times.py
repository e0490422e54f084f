"""Times as senders write them, and when an event happened by our own clock (docs/decisions/0007-clock-skew.md)."""

from datetime import UTC, datetime, timedelta

from admission.json_text import JsonObject
from admission.rejection import Rejection

RETRIES_END_AFTER_MS = 10 * 60 * 1000
MAX_TIME_LENGTH = 64  # twice the longest of ISO 8601

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def read_time(call: JsonObject, name: str) -> int | None:
    """Read the milliseconds since 1970 of an ISO 8601 time; without a zone it is UTC. Raises Rejection."""
    value = call.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_TIME_LENGTH:
        raise Rejection("invalid_time", "expected an ISO 8601 time such as 2026-11-23T22:34:44.734Z", name)
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        milliseconds = (parsed - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise Rejection("invalid_time", f"{value[:50]!r} is not an ISO 8601 time", name) from None
    if milliseconds < 0:
        raise Rejection("invalid_time", f"{value[:50]!r} is before 1970", name)
    return milliseconds


def occurred_at(call: JsonObject, sent_at: int | None, received_at: int) -> int:
    """Return when the event of a call happened, by our clock, never after `received_at`. Raises Rejection.

    `timestamp` beside `originalTimestamp` is already corrected: so it comes from who forwards events of others.
    """
    timestamp, original = read_time(call, "timestamp"), read_time(call, "originalTimestamp")
    if timestamp is not None and original is not None:
        return min(timestamp, received_at)
    written = timestamp if timestamp is not None else original
    if written is None:
        return received_at
    corrected = written + clock_skew(sent_at, received_at)
    return max(0, min(corrected, received_at))


def clock_skew(sent_at: int | None, received_at: int) -> int:
    """Return what to add to a sender's times; 0 where retries that keep their first sentAt explain why it is old."""
    if sent_at is None:
        return 0
    skew = received_at - sent_at
    return 0 if 0 <= skew <= RETRIES_END_AFTER_MS else skew
