"""Reads the times of a file's column by the mapping: in any form, as epoch numbers, or by a format of `strptime`.

A zone in the cell counts, else the mapping's: `strptime` alone knows few zones, and forgets those that have a name.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from collectors.sources.files.mapping import Time
from collectors.written_times import fold, read_time_number, read_time_text, read_zone, since_1970

EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000}

_DIRECTIVE = re.compile(r"%:?(.)", re.DOTALL)
_PLACE = "\ue000"  # stands for the zone in format and cell
_ZONES = (
    re.compile(r"(?:UTC|GMT|UT)?[+-](?:\d{1,2}:\d{2}|\d{4}|\d{1,2})(?!\d)", re.IGNORECASE | re.ASCII),
    re.compile(r"[+-](?:\d{1,2}:\d{2}|\d{4}|\d{1,2})(?!\d)", re.ASCII),
    re.compile(r"[A-Z]+(?:/[A-Z0-9_+-]+)*", re.IGNORECASE | re.ASCII),
)
_ANY_TIME = "a time since 1970 that has one meaning; a format such as %d/%m/%Y under occurred_at says another"
_FINER = re.compile(r"([.,]\d{6})\d+")


class TimeFormat:
    """A format of `strptime`, with at most one zone in it, of any notation. Raises ValueError if there are more."""

    def __init__(self, form: str) -> None:
        placed = _DIRECTIVE.sub(lambda match: _PLACE if match[1] in "zZ" else match[0], form)
        if placed.count(_PLACE) > 1:
            raise ValueError(f"{form!r} has more than one zone")
        self._form = placed
        self._has_zone = _PLACE in placed
        literal = _DIRECTIVE.sub(_PLACE, form).rpartition(_PLACE)[2]
        self._literal_zone = UTC if literal.strip().upper() in {"Z", "UTC", "GMT"} else None

    def read(self, text: str, zone: tzinfo) -> int | None:
        """Return microseconds since 1970; None where the text is of another form. `zone` counts if it names none."""
        if "%f" in self._form:
            text = _FINER.sub(r"\1", text)
        if not self._has_zone:
            return self._parsed(text, self._literal_zone or zone)
        for start, end in _spans(text):
            named = read_zone(text[start:end])
            if named is not None:
                time_us = self._parsed(f"{text[:start]}{_PLACE}{text[end:]}", named)
                if time_us is not None:
                    return time_us
        return None

    def _parsed(self, text: str, zone: tzinfo) -> int | None:
        try:
            return since_1970(datetime.strptime(text, self._form).replace(tzinfo=zone))
        except (ValueError, OverflowError, re.error):  # the last is what a directive that is there twice leads to
            return None


def time_reader(time: Time, latest: int) -> Callable[[str], int]:
    """Return what reads a stripped cell: microseconds since 1970, not after `latest` (ms). It raises ValueError."""
    zone = ZoneInfo(time.zone)
    read = _reader(time.form, zone)

    def checked(text: str) -> int:
        if not text:
            raise ValueError("the row has no time")
        time_us = read(text)
        if time_us is None:
            expected = _ANY_TIME if time.form == "iso" else f"a time of the form {time.form}"
            raise ValueError(f"{text[:50]!r} is not {expected}")
        if not 0 <= time_us < (latest + 1) * 1_000:
            raise ValueError(f"{text[:50]!r} is not between 1970 and now")
        return time_us

    return checked


def why_no_format(form: str) -> str | None:
    """Return what is wrong with the form of a mapping's time: one that cannot read what it has written, or no year."""
    if form == "iso" or form in EPOCHS:
        return None
    expected = f"{form!r} is none of iso, {', '.join(EPOCHS)}, nor like %Y-%m-%d"
    if "%" not in form:
        return expected
    written = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    try:
        time_us = TimeFormat(form).read(written.strftime(form.replace("%:z", "%z")), UTC)
    except ValueError as error:
        return str(error) if "zone" in str(error) else expected
    if time_us is None:
        return expected
    is_of_its_year = abs(time_us - since_1970(written)) < 366 * 86_400 * 1_000_000
    return None if is_of_its_year else f"{form!r} does not say the year"


def _reader(form: str, zone: tzinfo) -> Callable[[str], int | None]:
    if form == "iso":
        return lambda text: read_time_text(text, zone)
    if form in EPOCHS:
        return lambda text: read_time_number(fold(text), EPOCHS[form])
    time_format = TimeFormat(form)
    return lambda text: time_format.read(text, zone)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a zone may stand, from the end on: it nearly always stands there."""
    spans = {match.span() for pattern in _ZONES for match in pattern.finditer(text)}
    return iter(sorted(spans, reverse=True))
