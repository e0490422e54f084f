"""When an event happened by our own clock, from the times that its sender wrote (docs/decisions/0007-clock-skew.md).

Leaves the forms of times to `written_times`. No time can cost an event: what cannot be read is named in its repairs.
"""

from typing import NamedTuple

import msgspec

from admission.json_text import JsonObject, JsonValue
from collectors.written_times import read_time_text
from schemas.records import Repair

RETRIES_END_AFTER_MS = 10 * 60 * 1000
UNREADABLE_TIME = "unreadable_time"


class WrittenTime(NamedTuple):
    """A time as a sender wrote it, in microseconds since 1970. Without `time_us` there is none, or it is unreadable."""

    time_us: int | None = None
    repairs: tuple[Repair, ...] = ()

    @property
    def is_sent(self) -> bool:
        """Return whether the sender wrote a time, readable or not."""
        return self.time_us is not None or bool(self.repairs)


class EventTimes(NamedTuple):
    """The times of an event, in ms since 1970, and the microsecond within `occurred_at`: 0 if the sender wrote none.

    `repairs`: the fields that could not be read.
    """

    occurred_at: int
    microsecond: int
    sent_at: int | None
    repairs: tuple[Repair, ...]


NO_TIME = WrittenTime()


def read_time(call: JsonObject, name: str) -> WrittenTime:
    """Read a time that is text or a number; null and blank text are no time."""
    value = call.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return NO_TIME
    text = _text(value)
    time_us = None if text is None else read_time_text(text)
    return WrittenTime(None, (Repair(name, UNREADABLE_TIME),)) if time_us is None else WrittenTime(time_us)


def event_times(call: JsonObject, batch_sent_at: WrittenTime, received_at: int) -> EventTimes:
    """Return when the event of a call happened, by our clock, never after `received_at`.

    `timestamp` beside `originalTimestamp` is already corrected: so it comes from who forwards events of others. Where
    neither can be read, the event happened when it was received.
    """
    timestamp, original = read_time(call, "timestamp"), read_time(call, "originalTimestamp")
    sent_at = read_time(call, "sentAt")
    repairs = (*timestamp.repairs, *original.repairs, *sent_at.repairs)
    if sent_at.time_us is None:
        repairs += batch_sent_at.repairs if not sent_at.repairs else ()
        sent_at = batch_sent_at
    sent_at_ms = None if sent_at.time_us is None else sent_at.time_us // 1_000
    written_us = original.time_us if timestamp.time_us is None else timestamp.time_us
    is_forwarded = timestamp.time_us is not None and original.is_sent
    happened_us = received_at * 1_000
    if written_us is not None:
        happened_us = min(happened_us, written_us if is_forwarded else _corrected(written_us, sent_at_ms, received_at))
    return EventTimes(happened_us // 1_000, happened_us % 1_000, sent_at_ms, repairs)


def clock_skew(sent_at: int | None, received_at: int) -> int:
    """Return what to add to a sender's times; 0 where retries that keep their first sentAt explain why it is old."""
    if sent_at is None:
        return 0
    skew = received_at - sent_at
    return 0 if 0 <= skew <= RETRIES_END_AFTER_MS else skew


def _corrected(written_us: int, sent_at: int | None, received_at: int) -> int:
    """Correct by whole milliseconds; not by a clock that would put the event before 1970: it did not write its time."""
    corrected_us = written_us + clock_skew(sent_at, received_at) * 1_000
    return corrected_us if corrected_us >= 0 else written_us


def _text(value: JsonValue) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    return str(value) if isinstance(value, int) else None
