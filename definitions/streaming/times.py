"""Times as texts and as milliseconds, and the calendar in UTC: the grammar of times in docs/decisions/0033."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

DAY_MS = 24 * 3600 * 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS = tuple(f"{second:02}." for second in range(60))
_MILLISECONDS = tuple(f"{millisecond:03}Z" for millisecond in range(1_000))
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(?:(Z)|([+-])([0-9]{2})(?::?([0-5][0-9]))?)?)?"
)


def time_of(value: object) -> int | None:
    """Return the time (ms) that a text says; None for what says none."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second, decimals, _, sign, offset_hours, offset_minutes = found.groups(default="0")
    try:
        offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
        zone = timezone(-offset if sign == "-" else offset)
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second),
            int(decimals.ljust(3, "0")[:3]) * 1000,
            zone,
        )
        return (moment.astimezone(UTC) - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1_000)  # one event is the last of several kinds, and the first one stays
def text_of(ms: int) -> str | None:
    """Return a time as ISO 8601 in UTC with milliseconds; None beyond the years 1 to 9999."""
    minutes, of_minute = divmod(ms, 60_000)
    minute = _minute_text(minutes)
    return minute and minute + _SECONDS[of_minute // 1000] + _MILLISECONDS[of_minute % 1000]


@lru_cache(maxsize=1_000)
def _minute_text(minutes: int) -> str | None:
    days, of_day = divmod(minutes, DAY_MS // 60_000)
    try:
        day = date.fromordinal(_EPOCH.toordinal() + days).isoformat()
    except (ValueError, OverflowError):
        return None
    return f"{day}T{of_day // 60:02}:{of_day % 60:02}:"


def years_between(born: int, now: int) -> int | None:
    """Return the whole years from one day to another; None beyond the years 1 to 9999."""
    birth, today = _moment(born), _moment(now)
    if birth is None or today is None:
        return None
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def next_birthday(born: int, now: int) -> int | None:
    """Return when the whole years since `born` will be one more than at `now`; None beyond the years 1 to 9999."""
    years, birth = years_between(born, now), _moment(born)
    if years is None or birth is None:
        return None
    year = birth.year + years + 1
    try:
        day = datetime(year, birth.month, birth.day, tzinfo=UTC)
    except ValueError:  # 29 February of another year, or beyond the year 9999
        if year > 9999:
            return None
        day = datetime(year, 3, 1, tzinfo=UTC)
    return (day - _EPOCH) // _MILLISECOND


def _moment(ms: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None
