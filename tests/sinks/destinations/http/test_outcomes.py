"""What a status means, and for how long a receiver asks to be left alone."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from sinks.destinations.contract import Delivered, Exchange, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.http.outcomes import LONGEST_RETRY_AFTER_MS, outcome_of, retry_after_ms

NOW_S = 1_790_000_000.25
EXCHANGE = Exchange("asked", "answered")


def outcome(status: int, **headers: str) -> Outcome:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return outcome_of(status, named, EXCHANGE, lambda: NOW_S)


EXPECTED = {
    Delivered: (200, 201, 202, 204, 207, 299),
    Retry: (408, 421, 423, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599),
    Unauthorised: (401, 402, 403, 407),
    Refused: (300, 301, 302, 303, 304, 307, 308, 400, 404, 405, 409, 410, 411, 413, 414, 415, 418, 422, 428, 431, 451),
}


@pytest.mark.parametrize(("kind", "status"), [(kind, each) for kind, statuses in EXPECTED.items() for each in statuses])
def test_each_status_has_its_meaning(kind: type, status: int) -> None:
    found = outcome(status)
    assert type(found) is kind
    assert found.exchange is EXCHANGE


def test_a_redirect_says_what_to_do() -> None:
    found = outcome(301)
    assert isinstance(found, Refused)
    assert (
        found.detail == "answered 301 Moved Permanently: redirects are not followed, name the address that it leads to"
    )


def test_too_large_and_throttled_are_reasons_of_their_own() -> None:
    assert getattr(outcome(413), "reason", None) == "too_large"
    assert getattr(outcome(429), "reason", None) == "throttled"
    assert getattr(outcome(503), "reason", None) == "unavailable"


def test_patience_is_asked_for_by_any_status_that_is_tried_again() -> None:
    for status in (429, 503, 408):
        assert getattr(outcome(status, retry_after="7"), "after_ms", None) == 7_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("0", 0),
        ("1", 1_000),
        (" 120 ", 120_000),
        ("259200", LONGEST_RETRY_AFTER_MS),
        ("259201", LONGEST_RETRY_AFTER_MS),
        ("9" * 5_000, LONGEST_RETRY_AFTER_MS),
        ("0" * 12 + "7", 7_000),
        (formatdate(NOW_S + 90, usegmt=True), 89_750),  # a date has whole seconds
        (formatdate(NOW_S - 90, usegmt=True), 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Sun Nov  6 08:49:37 1994", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER_MS),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_RETRY_AFTER_MS),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Mon, 99 Foo 2026", None),
        ("\x00", None),
        ("1, 2", None),
    ],
)
def test_the_time_is_kept_to_the_second_and_bounded(value: str | None, expected: int | None) -> None:
    assert retry_after_ms(value, lambda: NOW_S) == expected


PARTS = st.sampled_from(
    ["Sun", "Mon,", "06", "31", "Feb", "Dec", "0", "-1", "99999", "1994", "24:61:61", "+9999", "GMT", "Z"]
)


@given(st.one_of(st.text(), st.lists(PARTS, max_size=8).map(" ".join)))
def test_no_value_at_all_breaks_it_or_the_bound(value: str) -> None:
    after_ms = retry_after_ms(value, lambda: NOW_S)
    assert after_ms is None or 0 <= after_ms <= LONGEST_RETRY_AFTER_MS
