"""Reads a time as senders, files and programs write it: every form that can mean one instant only, else nothing.

Pure; its cost is bounded by MAX_LENGTH. Leaves to others what becomes of a time that cannot be read.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

MAX_LENGTH = 128  # JavaScript's `String(new Date())` has up to 80 characters
SECONDS_FROM = 10**8  # the year 1973. A number a thousand times as large counts milliseconds, and so on
LATEST_US = 253_402_300_799_999_999  # the end of the year 9999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ISO_SEPARATORS = frozenset({"", "T", " "})

# What other scripts put for the signs of a time, and Arabic for AM and PM. What only directs the writing goes.
_SIGNS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u2236\ua789\u02d0", ":")
    | {"\u066b": ".", "\u060c": ",", "\u0635": "AM", "\u0645": "PM"}
    | dict.fromkeys("\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\ufeff")
)

_FLAGS = re.IGNORECASE | re.ASCII
_NUMBER = re.compile(r"\d+(?:[.,]\d*)?(?:e\+?\d{1,2})?", _FLAGS)
# An offset decides. A name behind it, such as Go's and Java's, says the same once more.
_ZONE = (
    r"(?: ?(?:UTC|GMT|UT)? ?(?P<offset>[+-](?:\d{1,2}:\d{2}|\d{4}|\d{1,2}))(?: [A-Z]{1,5})?(?: m=\S+)?(?: \(.*\))?"
    r"| ?\[?(?P<zone>[A-Z]+(?:/[A-Z0-9_+-]+)*)\]?(?: \([^)]*\))?)?(?:\[[^\]]*\])*"
)
_HALF = r"(?: ?(?P<{}>[AP])\.?M\.?)?"
_CLOCK = (
    rf"(?P<hour>\d{{1,2}}):(?P<minute>\d{{1,2}})(?::(?P<second>\d{{1,2}}))?{_HALF.format('half')}"
    rf"(?:[.,](?P<fraction>\d+))?{_HALF.format('late_half')}"
)
_TIME = rf"(?:(?: ?T ?|,? (?:at )?|:|_){_CLOCK})?{_ZONE}"
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\.?,? )?"
_MONTH = r"(?P<name>[A-Z]{3,9})\.?"
_FORMS = tuple(
    re.compile(form, _FLAGS)
    for form in (
        rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}}){_TIME}",
        rf"(?P<year>\d{{4}})-(?P<day_of_year>\d{{3}}){_TIME}",
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[ /-]{_MONTH}[ /-](?P<year>\d{{4}}){_TIME}",  # mails, HTTP, logs of web servers
        rf"{_WEEKDAY}{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){_TIME}",  # JavaScript
        rf"{_WEEKDAY}{_MONTH} (?P<day>\d{{1,2}}) {_CLOCK}{_ZONE} (?P<year>\d{{4}})",  # C, Java
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
        rf"T(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?:(?P<second>\d{{2}})(?:[.,](?P<fraction>\d+))?)?{_ZONE}",
    )
)
_DIGITS = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})(?:[.,]?(?P<fraction>\d{3})|[.,](?P<finer>\d+))?)?",
    _FLAGS,
)
_ZONE_ALONE = re.compile(_ZONE, _FLAGS)

_MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE"),
    *("JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)
# Names that mean one offset: those of RFC 5322 (4.3), and those that no two regions share. CST and IST are shared.
_NAMED_HOURS = {"Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3}
_NAMED_HOURS |= {"EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "MSK": 3}
_NAMED_HOURS |= {"HKT": 8, "SGT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13}


def read_time_text(text: str, zone: tzinfo = UTC) -> int | None:
    """Return the microseconds since 1970 of a written time; None where it cannot be read, or is none of 1970 to 9999.

    `zone` counts where the text names none. Digits alone are a calendar's if there are 8, 14 or 17 of them, as in
    20261124104829; else they count seconds, milliseconds, microseconds or nanoseconds since 1970, by their size.
    """
    time_us = _read_iso(text, zone)
    return _within_bounds(_read_other(text, zone) if time_us is None else time_us)


def read_time_number(text: str, units_per_second: int | None = None) -> int | None:
    """Return the microseconds of a number of units since 1970, such as 1795473284.734. Without units: by its size."""
    if len(text) > MAX_LENGTH or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text.replace(",", "."))
    if units_per_second is None:
        units_per_second = _units_per_second(number)
    if units_per_second is None or number >= 10**20:
        return None
    return _within_bounds(int(number * 1_000_000 / units_per_second))


def read_zone(text: str) -> tzinfo | None:
    """Return the zone that `Z`, `UTC`, `+0200`, `GMT+02:00` or `Europe/Berlin` names; None if it is not one zone."""
    match = _ZONE_ALONE.fullmatch(text)
    try:
        return _zone_in(match) if match else None
    except ValueError:
        return None


def since_1970(time: datetime, zone: tzinfo = UTC) -> int:
    """Return the microseconds between 1970 and a time; `zone` counts where it has none."""
    return ((time if time.tzinfo is not None else time.replace(tzinfo=zone)) - _EPOCH) // _MICROSECOND


def fold(text: str) -> str:
    """Return a text with digits, signs and blanks of any script in ASCII, stripped, each run of blanks one blank."""
    if not text.isascii():
        text = "".join(map(_ascii_digit, unicodedata.normalize("NFKC", text).translate(_SIGNS)))
    return " ".join(text.split())


def _ascii_digit(character: str) -> str:
    return character if character.isascii() else str(unicodedata.decimal(character, character))


def _within_bounds(time_us: int | None) -> int | None:
    return time_us if time_us is not None and 0 <= time_us <= LATEST_US else None


def _read_iso(text: str, zone: tzinfo) -> int | None:
    """Read what nearly all senders write. Python would take any character for the T, and counted seconds for a date."""
    if text[4:5] != "-" or text[10:11] not in _ISO_SEPARATORS or len(text) > MAX_LENGTH:
        return None
    try:
        return since_1970(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        return None


def _read_other(text: str, zone: tzinfo) -> int | None:
    folded = fold(text[: MAX_LENGTH + 1])
    if len(folded) > MAX_LENGTH:
        return None
    if _NUMBER.fullmatch(folded):
        time_us = _read_form(_DIGITS, folded, zone)
        return read_time_number(folded) if time_us is None else time_us
    time_us = _read_iso(folded.upper(), zone)
    if time_us is not None:
        return time_us
    times = (_read_form(form, folded, zone) for form in _FORMS)
    return next((time_us for time_us in times if time_us is not None), None)


def _read_form(form: re.Pattern[str], folded: str, zone: tzinfo) -> int | None:
    match = form.fullmatch(folded)
    if match is None:
        return None
    try:
        day = _day(match.groupdict())
        return since_1970((day + _of_day(match.groupdict())).replace(tzinfo=_zone_in(match)), zone)
    except (ValueError, OverflowError):
        return None


def _day(parts: dict[str, str | None]) -> datetime:
    year = int(parts["year"] or 0)
    if (day_of_year := parts.get("day_of_year")) is not None:
        day = datetime(year, 1, 1) + timedelta(int(day_of_year) - 1)
        if day.year != year:
            raise ValueError
        return day
    month = int(parts.get("month") or 0) or _month(parts.get("name") or "")
    return datetime(year, month, int(parts["day"] or 0))


def _month(name: str) -> int:
    for number, month in enumerate(_MONTHS, 1):
        if month.startswith(name.upper()):
            return number
    raise ValueError


def _of_day(parts: dict[str, str | None]) -> timedelta:
    """Return what is gone of the day. 24:00:00 is the next midnight, second 60 (a leap second) the next second."""
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    half = (parts.get("half") or parts.get("late_half") or "").upper()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "P" else 0)
    elif half == "A":
        raise ValueError
    fraction = parts.get("fraction") or parts.get("finer") or ""
    microsecond = int(fraction[:6].ljust(6, "0"))
    is_midnight = hour == 24 and minute == second == microsecond == 0
    if not (hour < 24 or is_midnight) or minute > 59 or second > 60:
        raise ValueError
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microsecond)


def _zone_in(match: re.Match[str]) -> tzinfo | None:
    parts = match.groupdict()
    if (offset := parts.get("offset")) is not None:
        sign, digits = (-1 if offset[0] == "-" else 1), offset[1:].replace(":", "")
        hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
        if minutes > 59:
            raise ValueError
        return timezone(sign * timedelta(hours=hours, minutes=minutes))
    name = parts.get("zone")
    return None if name is None else _named_zone(name.upper())


@lru_cache(maxsize=1_024)
def _named_zone(name: str) -> tzinfo:
    if name in _NAMED_HOURS:
        return timezone(timedelta(hours=_NAMED_HOURS[name]))
    if name not in _regions():
        raise ValueError
    return ZoneInfo(_regions()[name])


@lru_cache(maxsize=1)
def _regions() -> dict[str, str]:
    """Return the zones of regions by their names in capitals. Those without a slash, such as `Cuba`, are not meant."""
    return {name.upper(): name for name in available_timezones() if "/" in name}


def _units_per_second(number: Decimal) -> int | None:
    for units in (1, 10**3, 10**6, 10**9):
        if SECONDS_FROM * units <= number < SECONDS_FROM * units * 1_000:
            return units
    return None
