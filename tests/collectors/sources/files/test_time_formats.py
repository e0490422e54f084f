"""Times of a file's column: a zone in the cell counts, whichever way it is written; else that of the mapping."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sources.files.mapping import Time
from collectors.sources.files.time_formats import TimeFormat, time_reader, why_no_format

LATEST = 1_795_690_109_000
EIGHT = 1_714_550_400_000_000  # 2024-05-01T08:00:00Z
BERLIN = "Europe/Berlin"


def read(text: str, form: str = "iso", zone: str = "UTC") -> int:
    return time_reader(Time("at", form, zone), LATEST)(text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%Y-%m-%d %H:%M:%S %z", "2024-05-01 10:00:00 +0200"),
        ("%Y-%m-%d %H:%M:%S %z", "2024-05-01 10:00:00 +02:00"),
        ("%Y-%m-%d %H:%M:%S %z", "2024-05-01 10:00:00 +02"),
        ("%Y-%m-%d %H:%M:%S %z", "2024-05-01 08:00:00 UTC"),
        ("%Y-%m-%d %H:%M:%S %z", "2024-05-01 03:00:00 -0500"),
        ("%Y-%m-%d %H:%M:%S%z", "2024-05-01 03:00:00-05"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-05-01T08:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "2024-05-01T10:00:00.000000+02:00"),
        ("%Y-%m-%dT%H:%M:%S.%f%:z", "2024-05-01T10:00:00.0000000+02:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-05-01 08:00:00 UTC"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-05-01 08:00:00 gmt"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-05-01 10:00:00 CEST"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-05-01 10:00:00 Europe/Paris"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-05-01 10:00:00 GMT+02:00"),
        ("%Y-%m-%d %H:%M:%S GMT%z", "2024-05-01 10:00:00 GMT+0200"),
        ("%d/%b/%Y:%H:%M:%S %z", "01/May/2024:10:00:00 +0200"),
        ("[%d/%b/%Y:%H:%M:%S %z]", "[01/May/2024:10:00:00 +0200]"),
        ("%a, %d %b %Y %H:%M:%S %z", "Wed, 01 May 2024 10:00:00 +0200"),
        ("%a, %d %b %Y %H:%M:%S %Z", "Wed, 01 May 2024 08:00:00 GMT"),
        ("%a %b %d %H:%M:%S %Z %Y", "Wed May 01 10:00:00 CEST 2024"),
        ("%z %d.%m.%Y %H:%M", "+02:00 01.05.2024 10:00"),
        ("%m/%d/%Y %I:%M:%S %p %z", "05/01/2024 10:00:00 AM +0200"),
        ("%Y-%m-%d %H:%M:%S UTC", "2024-05-01 08:00:00 UTC"),
        ("%Y-%m-%dT%H:%M:%SZ", "2024-05-01T08:00:00Z"),
        ("%%%Y-%m-%d %H:%M:%S %z", "%2024-05-01 10:00:00 +0200"),
        ("iso", "2024-05-01 10:00:00 +0200"),
        ("iso", "2024-05-01 08:00:00 UTC"),
        ("iso", "01/May/2024:10:00:00 +0200"),
        ("iso", "Wed, 01 May 2024 10:00:00 +0200"),
        ("iso", "1714550400"),
        ("epoch_s", "1714550400.0"),
        ("epoch_s", "1.7145504e9"),
        ("epoch_ms", "1714550400000"),
    ],
)
def test_a_zone_in_the_cell_counts_more_than_the_mappings(form: str, text: str) -> None:
    assert why_no_format(form) is None
    assert read(text, form) == read(text, form, "America/New_York") == EIGHT


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%Y-%m-%d %H:%M:%S", "2024-05-01 10:00:00"),
        ("%d.%m.%Y %H:%M", "01.05.2024 10:00"),
        ("%d.%m.%y %H:%M", "01.05.24 10:00"),
        ("iso", "2024-05-01T10:00"),
        ("iso", "20240501100000"),
    ],
)
def test_without_a_zone_in_the_cell_it_is_the_mappings(form: str, text: str) -> None:
    assert why_no_format(form) is None
    assert read(text, form, BERLIN) == EIGHT


def test_microseconds_are_kept() -> None:
    assert read("2024-05-01 08:00:00.0000079", "%Y-%m-%d %H:%M:%S.%f") == EIGHT + 7
    assert read("1714550400.0000079", "epoch_s") == EIGHT + 7


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        ("iso", "", "the row has no time"),
        ("iso", "01/05/2024", "is not a time since 1970 that has one meaning; a format such as %d/%m/%Y"),
        ("iso", "2999-01-01", "is not between 1970 and now"),
        ("%Y-%m-%d", "1969-12-31", "is not between 1970 and now"),
        ("%Y-%m-%d", "2024-05-01 10:00", "is not a time of the form %Y-%m-%d"),
        ("%Y-%m-%d %z", "2024-05-01", "is not a time of the form"),
        ("%Y-%m-%d %Z", "2024-05-01 CST", "is not a time of the form"),
        ("%Y-%m-%d %z", "2024-05-01 +9900", "is not a time of the form"),
        ("epoch_s", "soon", "is not a time of the form epoch_s"),
        ("epoch_s", "99999999999", "is not between 1970 and now"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(form: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(text, form)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("yesterday", "is none of iso, epoch_s, epoch_ms, nor like %Y-%m-%d"),
        ("%q", "nor like %Y-%m-%d"),
        ("%Y-%m-%", "nor like %Y-%m-%d"),
        ("%Y %Y", "nor like %Y-%m-%d"),
        ("%d.%m. %H:%M", "does not say the year"),
        ("%H:%M:%S %z", "does not say the year"),
        ("%Y-%m-%d %z %Z", "has more than one zone"),
    ],
)
def test_what_is_no_format_is_said(form: str, message: str) -> None:
    assert message in (why_no_format(form) or "")


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    st.sampled_from(("%Y-%m-%d %H:%M:%S.%f %z", "%z %d/%b/%Y:%H:%M:%S.%f", "%a %b %d %H:%M:%S.%f %Z %Y")),
)
def test_it_reads_what_python_writes(time: datetime, zone: timezone, form: str) -> None:
    expected = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert TimeFormat(form).read(time.astimezone(zone).strftime(form), UTC) == expected
