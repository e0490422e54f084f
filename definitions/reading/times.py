"""Dates, times of day and zones as people write them; durations are `scalars`'."""

import re
import zoneinfo
from datetime import UTC, datetime
from functools import cache

from definitions.reading.nodes import FileReport, Node
from definitions.reading.scalars import read_text
from definitions.reading.slips import NearNames

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII)
_DIGITS = re.compile(r"(\d{4})[./]?(\d\d)[./]?(\d\d)", re.ASCII)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])0?(\d{1,2})(?::?00)?", re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> int | None:
    """Return the time (ms since 1970) of a date (its midnight) or of a date and time; UTC where none is said."""
    if not (_DATE.fullmatch(text) or _TIME.fullmatch(text)):
        return None
    try:
        at = datetime.fromisoformat(text)
        since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def read_time(node: Node, what: str, report: FileReport) -> int | None:
    """Return a date, or a date and time, in ms since 1970."""
    text = read_text(node, what, report, is_number_text=True)
    if text is None:
        return None
    at = parse_time(text)
    written_out = "-".join(digits.groups()) if (digits := _DIGITS.fullmatch(text)) else ""
    if at is None and parse_time(written_out) is not None:
        report.add(node, f"{what} takes a date, and {text!r} is none", f"with hyphens: {written_out}")
    elif at is None:
        hint = (
            "such as 2026-01-31 (its midnight in UTC) or 2026-01-31T18:00:00+08:00; for `30 days ago` use within_last"
        )
        report.add(node, f"{what} takes a date, or a date and time, and {text!r} is none", hint)
    return at


def read_clock(node: Node, what: str, report: FileReport) -> int | None:
    """Return a time of day in minutes since midnight."""
    text = read_text(node, what, report, is_number_text=True)
    if text is None:
        return None
    match = _CLOCK.fullmatch(text)
    if match is None:
        report.add(node, f"{what} must be a time of day, not {text!r}", 'hours and minutes, such as "08:00"')
        return None
    return int(match[1]) * 60 + int(match[2])


def read_zone(node: Node, what: str, report: FileReport) -> str | None:
    """Return the name of a time zone of the IANA database."""
    text = read_text(node, what, report)
    zones = _zones()
    if text is None or text in zones:
        return text
    hint = "such as Asia/Shanghai, Europe/Berlin or UTC"
    if (slip := NearNames(zones).near(text)) is not None:
        hint = f"did you mean {slip!r}? Names of the IANA database, {hint}"
    elif (fixed := _fixed_zone(text)) is not None:
        hint = f"{fixed}; a zone with its clock changes is a name {hint}"
    report.add(node, f"there is no time zone {text!r}", hint)
    return None


def _fixed_zone(text: str) -> str | None:
    """Say which name of the database is meant by whole hours such as UTC+8: its sign is the other way round."""
    match = _OFFSET.fullmatch(text)
    hours = int(match[2]) if match else 0
    name = "Etc/GMT" + ("-" if match and match[1] == "+" else "+") + str(hours)
    if hours == 0 or name not in _zones():
        return None
    return f"{name} is {hours} hours {'ahead of' if match and match[1] == '+' else 'behind'} UTC"


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
