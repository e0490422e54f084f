"""Quiet hours in the person's time zone, to the millisecond, also over midnight and when clocks are set."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from definitions.quiet_hours import QuietHours
from definitions.streaming.quiet_hours import quiet_until

NIGHT = QuietHours(22 * 60, 8 * 60, "Asia/Shanghai")


def at(text: str, zone: str, fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"])
def test_a_night_goes_over_midnight(zone: str) -> None:
    assert quiet_until(at("2026-11-27T21:59:59.999", zone), zone, NIGHT) is None
    morning = at("2026-11-28T08:00", zone)
    assert quiet_until(at("2026-11-27T22:00", zone), zone, NIGHT) == morning
    assert quiet_until(at("2026-11-28T07:59:59.999", zone), zone, NIGHT) == morning
    assert quiet_until(morning, zone, NIGHT) is None


def test_an_afternoon() -> None:
    siesta = QuietHours(13 * 60, 15 * 60 + 30, "UTC")
    assert quiet_until(at("2026-11-27T12:59", "UTC"), None, siesta) is None
    assert quiet_until(at("2026-11-27T13:00", "UTC"), None, siesta) == at("2026-11-27T15:30", "UTC")


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "../../etc/passwd", "America", "x" * 1_000, "\x00", "/etc"])
def test_who_does_not_say_a_zone_has_that_of_the_definition(zone: str | None) -> None:
    assert quiet_until(at("2026-11-27T23:00", "Asia/Shanghai"), zone, NIGHT) == at("2026-11-28T08:00", "Asia/Shanghai")


@pytest.mark.parametrize(
    ("zone", "begins", "ends", "inside", "end"),
    [
        ("Europe/Berlin", "22:00", "02:30", "2026-03-29T01:30", "2026-03-29T03:00"),
        ("Europe/Berlin", "22:00", "02:30", "2026-03-28T22:00", "2026-03-29T03:00"),
        ("Europe/Berlin", "22:00", "02:00", "2026-03-28T22:00", "2026-03-29T03:00"),
        ("Europe/Berlin", "22:00", "03:00", "2026-03-28T22:00", "2026-03-29T03:00"),
        ("Europe/Berlin", "02:30", "04:00", "2026-03-29T03:00", "2026-03-29T04:00"),
        ("America/New_York", "22:00", "02:30", "2026-03-08T01:59", "2026-03-08T03:00"),
        ("Africa/Cairo", "22:00", "00:00", "2026-04-23T23:00", "2026-04-24T01:00"),
        ("America/Havana", "22:00", "00:30", "2026-03-07T23:00", "2026-03-08T01:00"),
        ("Asia/Beirut", "22:00", "00:30", "2026-03-28T23:00", "2026-03-29T01:00"),
        ("Australia/Lord_Howe", "22:00", "02:15", "2026-10-04T01:00", "2026-10-04T02:30"),
        ("Pacific/Apia", "22:00", "08:00", "2011-12-29T23:00", "2011-12-31T08:00"),
    ],
)
def test_clocks_that_are_set_forward_over_the_end(zone: str, begins: str, ends: str, inside: str, end: str) -> None:
    """It is the moment at which they are set; where a whole day is left out, the end of the night that follows."""
    from_, to = (int(text[:2]) * 60 + int(text[3:]) for text in (begins, ends))
    assert quiet_until(at(inside, zone), zone, QuietHours(from_, to, "UTC")) == at(end, zone)


def test_clocks_that_are_set_back_over_the_end() -> None:
    until_half_past_two = QuietHours(0, 150, "UTC")
    first = at("2026-10-25T02:30", "Europe/Berlin")
    assert quiet_until(at("2026-10-25T01:30", "Europe/Berlin"), "Europe/Berlin", until_half_past_two) == first
    again = at("2026-10-25T02:10", "Europe/Berlin", fold=1)
    assert quiet_until(again, "Europe/Berlin", until_half_past_two) == at("2026-10-25T02:30", "Europe/Berlin", fold=1)


@pytest.mark.parametrize("time", [-(2**62), 2**62, -62_135_596_800_000])
def test_times_of_no_calendar_are_never_quiet(time: int) -> None:
    quiet_until(time, "Asia/Shanghai", NIGHT)
