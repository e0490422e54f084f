"""The times of an event that came straight to Kafka, in ms since 1970: seconds are told from them by their size.

Times in seconds of the years 1973 to 2286, read as milliseconds, lie between 2 January and 26 April 1970, of which
there are no events. Zero is what programs write that have no time.
"""

from typing import NamedTuple

from admission.rejection import Rejection
from admission.repairs import Repairs
from schemas.records import Event

SECONDS_FROM = 100_000_000  # as in times over HTTP
MILLIS_FROM = 10_000_000_000


class RecordTimes(NamedTuple):
    """The times of an event, in ms since 1970; `occurred_at` is not after `received_at`."""

    occurred_at: int
    sent_at: int | None
    received_at: int


def record_times(event: Event, repairs: Repairs) -> RecordTimes:
    """Return the times that an event means. Raises Rejection where it does not say when it was received or happened.

    As over HTTP, an event whose own time cannot be right happened when it was received.
    """
    received_at, occurred_at = _milliseconds(event.received_at), _milliseconds(event.occurred_at)
    sent_at = None if event.sent_at is None else _milliseconds(event.sent_at)
    for field, meant in (("received_at", received_at), ("occurred_at", occurred_at), ("sent_at", sent_at)):
        written = getattr(event, field)
        if meant != written:
            repairs.add(field, "unreadable_time" if meant is None else "time_in_seconds")
    received = occurred_at if received_at is None else received_at
    if received is None:
        raise Rejection("missing_field", f"{event.received_at} ms since 1970 is no time of receipt", "received_at")
    return RecordTimes(min(received if occurred_at is None else occurred_at, received), sent_at, received)


def _milliseconds(written: int) -> int | None:
    """Return the milliseconds that are meant; None for a time before 2 January 1970."""
    if written < SECONDS_FROM:
        return None
    return written * 1_000 if written < MILLIS_FROM else written
