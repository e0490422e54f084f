"""Written times: every form that means one instant is read, whoever wrote it; what could mean two is not."""

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.written_times import MAX_LENGTH, read_time_number, read_time_text, read_zone

# 2026-11-26T10:48:29Z
SECOND = 1_795_690_109_000_000
HALF = SECOND + 500_000

TIMES = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def microseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        # ISO 8601 and RFC 3339
        ("2026-11-26T10:48:29.500Z", HALF),
        ("2026-11-26T10:48:29.500001+00:00", HALF + 1),
        ("2026-11-26T10:48:29.500001999Z", HALF + 1),
        ("2026-11-26T10:48:29,5Z", HALF),
        ("2026-11-26t10:48:29.500z", HALF),
        ("2026-11-26 10:48:29.5", HALF),
        ("2026-11-26  10:48:29.5 Z", HALF),
        (" 2026-11-26T10:48:29.5\n", HALF),
        ("\ufeff2026-11-26T10:48:29.5\u200b", HALF),
        ("2026-11-26T12:48:29.5+02:00", HALF),
        ("2026-11-26T12:48:29.5+0200", HALF),
        ("2026-11-26T12:48:29.5+02", HALF),
        ("2026-11-26T12:48:29.5 +2", HALF),
        ("2026-11-26T05:18:29.5\u221205:30", HALF),
        ("2026-11-26T10:48:29", SECOND),
        ("2026-11-26T10:48Z", SECOND - 29_000_000),
        ("2026-11-26", 1_795_651_200_000_000),
        ("2026-11-26Z", 1_795_651_200_000_000),
        ("2026-11-26+02:00", 1_795_644_000_000_000),
        ("20261126T104829.500Z", HALF),
        ("20261126t104829.5z", HALF),
        ("2026-W48-4T10:48:29Z", SECOND),
        ("2026-330T10:48:29Z", SECOND),
        ("2026-1-2 3:4:5", 1_767_323_045_000_000),
        ("2026/11/26 10:48:29", SECOND),
        ("2026.11.26 10:48:29", SECOND),
        ("2026-11-25T24:00:00Z", 1_795_651_200_000_000),
        ("2026-12-31T24:00", 1_798_761_600_000_000),
        ("2026-11-26T10:47:60Z", SECOND - 29_000_000),
        ("2016-12-31T23:59:60.250Z", 1_483_228_800_250_000),
        ("2026-11-26T11:48:29.5+01:00[Europe/Berlin]", HALF),
        ("2026-11-26T10:48:29.5Z[UTC]", HALF),
        ("2026-11-26 11:48:29.5 Europe/Berlin", HALF),
        ("2026-07-26T12:48:29[europe/berlin][u-ca=gregory]", 1_785_062_909_000_000),
        ("2026-11-26 08:48:29 Etc/GMT+2", SECOND),
        # other scripts
        ("٢٠٢٦-١١-٢٦T١٠:٤٨:٢٩.٥٠٠Z", HALF),
        ("٢٠٢٦-١١-٢٦T١٠:٤٨:٢٩٫٥٠٠+٠٠:٠٠", HALF),
        ("۲۰۲۶-۱۱-۲۶T۱۰:۴۸:۲۹.۵۰۰Z", HALF),
        ("२०२६-११-२६T१०:४८:२९.५००Z", HALF),
        ("২০২৬-১১-২৬T১০:৪৮:২৯.৫০০Z", HALF),
        ("၂၀၂၆-၁၁-၂၆T၁၀:၄၈:၂၉.၅၀၀Z", HALF),
        ("２０２６－１１－２６Ｔ１０：４８：２９．５００Ｚ", HALF),
        ("\u200f٢٠٢٦-١١-٢٦ ١٠:٤٨:٢٩", SECOND),
        ("2026-11-26\u202f10:48:29\u00a0UTC", SECOND),
        # telephones set to twelve hours
        ("2026-11-26T10:48:29.500 AMZ", HALF),
        ("2026-11-26 10:48:29 PM", SECOND + 43_200_000_000),
        ("2026-11-26T10:48:29 p.m. +0000", SECOND + 43_200_000_000),
        ("2026-11-26T12:00:00 AM", 1_795_651_200_000_000),
        ("2026-11-26T22:48:29 PM", SECOND + 43_200_000_000),
        ("٢٠٢٦-١١-٢٦ ١٠:٤٨:٢٩ ص", SECOND),
        # programs
        ("Thu, 26 Nov 2026 10:48:29 +0000", SECOND),
        ("Thu, 26 Nov 2026 10:48:29 GMT", SECOND),
        ("26 Nov 2026 05:48:29 EST", SECOND),
        ("Thursday, 26-Nov-2026 10:48:29 UTC", SECOND),
        ("26/Nov/2026:12:48:29 +0200", SECOND),
        ("Thu Nov 26 2026 11:48:29 GMT+0100 (Central European Standard Time)", SECOND),
        ("Thu Nov 26 2026 11:48:29 GMT+0100 (Mitteleuropäische Normalzeit)", SECOND),
        ("Thu Nov 26 10:48:29 2026", SECOND),
        ("Thu Nov 26 11:48:29 CET 2026", SECOND),
        ("Nov 26, 2026 10:48:29 AM", SECOND),
        ("November 26, 2026 at 10:48:29 AM UTC", SECOND),
        ("26 September 2026", 1_790_380_800_000_000),
        ("2026-11-26 10:48:29.500001 +0000 UTC m=+0.000123", HALF + 1),
        ("2026-11-26 12:48:29 +0200 CEST", SECOND),
        ("2026-11-26 10:48:29 UTC", SECOND),
        ("2026-11-26T10:48:29GMT", SECOND),
        ("2026-11-26T13:48:29 UTC+3", SECOND),
        # numbers
        ("1795690109", SECOND),
        ("1795690109.5", HALF),
        ("1795690109,500001", HALF + 1),
        ("1795690109500", HALF),
        ("1.7956901095E12", HALF),
        ("1795690109500001", HALF + 1),
        ("1795690109500001999", HALF + 1),
        ("١٧٩٥٦٩٠١٠٩", SECOND),
        ("100000000", 100_000_000_000_000),
        ("100000000000", 100_000_000_000_000),
        ("20261126", 1_795_651_200_000_000),
        ("20261126104829", SECOND),
        ("20261126104829500", HALF),
        ("20261126104829.500001", HALF + 1),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_what_means_one_instant_is_read(text: str, at: int) -> None:
    assert read_time_text(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "yesterday",
        "null",
        "Invalid Date",
        "01/02/2026",
        "26/11/2026 10:48:29",
        "26.11.2026",
        "26-11-26",
        "2026-11",
        "2026-13-01",
        "2026-02-29",
        "2026-366",
        "2026-11-26T25:00:00Z",
        "2026-11-26T24:00:01Z",
        "2026-11-26T10:60:00Z",
        "2026-11-26T10:48:61Z",
        "2026-11-26T13:48:29 AM",
        "2026-11-26T10:48:29+24:00",
        "2026-11-26T10:48:29+020",
        "2026-11-26 10:48:29 CST",
        "2026-11-26 10:48:29 IST",
        "2026-11-26 10:48:29 Europe/Nowhere",
        "2026-11-26 10:48:29 America/Argentina",
        "2026-11-26 10:48:29 GB",
        "2026-11-26x10:48:29",
        "26 Foo 2026 10:48:29",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T24:00:00Z",
        "+010000-01-01T00:00:00Z",
        "0",
        "-1",
        "5",
        "99999999",
        "1e20",
        "1e99",
        "1" * MAX_LENGTH,
        "2026-11-26T10:48:29." + "5" * MAX_LENGTH,
        "\x00",
        "\ud800",
        "²⁰²⁶",
    ],
)
def test_what_means_none_or_several_is_not(text: str) -> None:
    assert read_time_text(text) is None


@given(TIMES, ZONES)
def test_it_reads_what_python_writes(time: datetime, zone: timezone) -> None:
    local = time.astimezone(zone)
    assert read_time_text(local.isoformat()) == microseconds(time)
    assert read_time_text(local.isoformat(" ").lower()) == microseconds(time)
    assert read_time_text(format_datetime(local)) == microseconds(time.replace(microsecond=0))
    assert read_time_text(time.strftime("%Y%m%d%H%M%S.%f").rjust(21, "0")) == microseconds(time)


@given(TIMES)
def test_a_time_without_a_zone_is_of_the_zone_that_is_given(time: datetime) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    local = time.astimezone(berlin).replace(tzinfo=None)
    assert read_time_text(local.isoformat(), berlin) == microseconds(local.replace(tzinfo=berlin))
    assert read_time_text(f"{local.isoformat()}Z", berlin) == microseconds(local.replace(tzinfo=UTC))


@given(st.text() | st.text(alphabet="0123456789-:.,+TZtz /[]()apmAPM٢٩\u200f", max_size=150))
def test_no_text_makes_it_fail(text: str) -> None:
    time_us = read_time_text(text)
    assert time_us is None or 0 <= time_us < 253_402_300_800_000_000
    read_zone(text)


@pytest.mark.parametrize("piece", [" ", "1", "1:", "a ", "Nov ", "[", "(", "+0200 ", "\ufdfa", "T", "9.", "/A"])
def test_hostile_text_costs_little(piece: str) -> None:
    text = ("2026-11-26 10:48:29" + piece * MAX_LENGTH)[:MAX_LENGTH]
    usual = "2026-11-26T10:48:29 nowhere"

    def seconds(text: str) -> float:
        started = time.process_time()
        for _ in range(200):
            read_time_text(text)
        return time.process_time() - started

    read_time_text(usual)
    assert min(seconds(text) for _ in range(3)) < 50 * max(seconds(usual) for _ in range(3))


@pytest.mark.parametrize(
    ("text", "units_per_second", "at"),
    [
        ("0", 1, 0),
        ("5", 1, 5_000_000),
        ("1795690109.5000019", 1, HALF + 1),
        ("1795690109500", 1_000, HALF),
        ("1795690109500", 1, None),
        ("-1", 1, None),
        ("12 000", 1, None),
        ("", 1, None),
    ],
)
def test_a_number_of_known_units_may_be_of_any_size(text: str, units_per_second: int, at: int | None) -> None:
    assert read_time_number(text, units_per_second) == at


@pytest.mark.parametrize("text", ["Z", "UTC", "utc", "GMT", "+0200", "+02:00", "-5", "GMT+2", "Europe/Berlin", "CEST"])
def test_zones_alone(text: str) -> None:
    assert read_zone(text) is not None


@pytest.mark.parametrize("text", ["", "CST", "Mars/Crater", "May", "+25:00", "0200", "2026"])
def test_what_is_no_zone_alone(text: str) -> None:
    assert read_zone(text) is None
