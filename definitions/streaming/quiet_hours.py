"""Quiet hours of a person's day: until when a time lies in them. Pure; zones are those of the IANA database."""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from definitions.quiet_hours import QuietHours

_DAY_MINUTES = 24 * 60
_MAX_ZONE = 64


def quiet_until(at: int, zone: str | None, quiet: QuietHours) -> int | None:
    """Return the time (ms) at which the quiet hours that `at` (ms) lies in end; None when it lies in none.

    `zone`: of the person; where it is missing or unknown, that of the definition. Where clocks are set forward over the
    end, it is the moment at which they are set.
    """
    person = (zone and known_zone(zone)) or known_zone(quiet.zone) or ZoneInfo("UTC")
    try:
        local = datetime.fromtimestamp(at / 1000, person)
    except (OverflowError, ValueError, OSError):
        return None  # a time that no calendar has: nobody sleeps then
    minute = local.hour * 60 + local.minute
    if not (minute - quiet.begins) % _DAY_MINUTES < (quiet.ends - quiet.begins) % _DAY_MINUTES:
        return None
    day = local.date() + timedelta(days=1) if minute >= quiet.ends else local.date()
    ends_at = _first_at(day, quiet.ends, person, at)
    return quiet_until(ends_at, zone, quiet) or ends_at  # a zone may leave out a whole day, and it is night again


@lru_cache(maxsize=1_024)
def known_zone(name: str) -> ZoneInfo | None:
    """Return the zone of a name such as Asia/Shanghai; None for one that there is not."""
    if len(name) > _MAX_ZONE:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # whatever a sender may have called it, a folder's name included
        return None


def _first_at(day: date, minute: int, zone: ZoneInfo, after: int) -> int:
    """Return the first time after `after` at which the clocks of a zone show a minute of a day, or have passed it."""
    wall = datetime.combine(day, time(minute // 60, minute % 60))
    times = [round(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC).timestamp() * 1000) for fold in (0, 1)]
    if times[1] < times[0]:  # the clocks never show it: they are set forward over it, between the two
        before, behind = _offset(times[1], zone), range(times[1], times[0] + 1)
        return behind[bisect_left(behind, True, key=lambda at: _offset(at, zone) != before)]
    # Where clocks are set back, a minute comes twice: the first one that is not over counts.
    return next((at for at in times if at > after), after + 1)


def _offset(at: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(at / 1000, zone).utcoffset()
