"""When an event happened: which of its times counts, which clock skew is believed, and what unreadable times cost."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.json_text import JsonObject, JsonValue
from collectors.times import NO_TIME, EventTimes, WrittenTime, event_times, read_time
from schemas.ordinals import pack_ordinal
from schemas.records import Repair

RECEIVED_AT = 1_795_473_285_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def times(call: JsonObject, sent_at: int | None = None) -> EventTimes:
    return event_times(call, NO_TIME if sent_at is None else WrittenTime(sent_at * 1_000), RECEIVED_AT)


def occurred(call: JsonObject, sent_at: int | None = None) -> int:
    return times(call, sent_at).occurred_at


@pytest.mark.parametrize(
    ("value", "time_us"),
    [
        ("2026-11-23T22:34:44.734999+00:00", 1_795_473_284_734_999),
        (" ٢٠٢٦-١١-٢٣ ٢٢:٣٤:٤٤ ", 1_795_473_284_000_000),
        (1_795_473_284, 1_795_473_284_000_000),
        (1_795_473_284_734, 1_795_473_284_734_000),
        (msgspec.Raw(b"1795473284.734999"), 1_795_473_284_734_999),
        (msgspec.Raw(b"1.795473284734e12"), 1_795_473_284_734_000),
    ],
)
def test_text_and_numbers_are_read(value: JsonValue, time_us: int) -> None:
    assert read_time({"timestamp": value}, "timestamp") == WrittenTime(time_us)


@pytest.mark.parametrize(
    "value",
    ["now", "0001-01-01T00:00:00Z", "1969-12-31", "01/02/2026", 5, 0, -1, True, False, {}, {"$date": 1}, [], [[]]],
)
def test_what_is_no_time_is_a_repair_of_its_field(value: JsonValue) -> None:
    assert read_time({"sentAt": value}, "sentAt") == WrittenTime(None, (Repair("sentAt", "unreadable_time"),))


@pytest.mark.parametrize("call", [{}, {"sentAt": ""}, {"sentAt": None}, {"sentAt": " \u00a0"}])
def test_a_blank_time_is_absent(call: JsonObject) -> None:
    assert read_time(call, "sentAt") == NO_TIME


def test_without_a_time_it_happened_when_it_was_received() -> None:
    assert times({}) == EventTimes(RECEIVED_AT, 0, None, ())


def test_an_unreadable_time_costs_no_event_but_is_named() -> None:
    assert times({"timestamp": "now"}) == EventTimes(RECEIVED_AT, 0, None, (Repair("timestamp", "unreadable_time"),))


def test_the_original_time_counts_where_the_other_cannot_be_read() -> None:
    call: JsonObject = {"timestamp": "0001-01-01T00:00:00Z", "originalTimestamp": "2026-11-23T22:00:00.000001Z"}
    assert times(call, RECEIVED_AT + 1_000) == EventTimes(
        1_795_471_199_000, 1, RECEIVED_AT + 1_000, (Repair("timestamp", "unreadable_time"),)
    )


def test_an_unreadable_original_time_still_says_that_the_event_was_forwarded() -> None:
    call: JsonObject = {"timestamp": "2026-11-23T22:00:00Z", "originalTimestamp": "?"}
    found = times(call, RECEIVED_AT + 60 * MINUTE)
    assert (found.occurred_at, found.repairs) == (1_795_471_200_000, (Repair("originalTimestamp", "unreadable_time"),))


def test_an_unreadable_sent_at_corrects_nothing_and_that_of_the_batch_counts() -> None:
    call: JsonObject = {"timestamp": "2026-11-23T22:00:00Z", "sentAt": "0001-01-01T00:00:00Z"}
    repairs = (Repair("sentAt", "unreadable_time"),)
    assert times(call) == EventTimes(1_795_471_200_000, 0, None, repairs)
    assert times(call, RECEIVED_AT + 1_000) == EventTimes(1_795_471_199_000, 0, RECEIVED_AT + 1_000, repairs)


def test_an_unreadable_sent_at_of_the_batch_is_named_by_the_events_without_their_own() -> None:
    batch = WrittenTime(None, (Repair("sentAt", "unreadable_time"),))
    assert event_times({}, batch, RECEIVED_AT).repairs == batch.repairs
    assert event_times({"sentAt": "never"}, batch, RECEIVED_AT).repairs == batch.repairs
    assert event_times({"sentAt": "2026-11-23T22:34:45Z"}, batch, RECEIVED_AT).repairs == ()


def test_without_sent_at_an_old_time_is_taken_as_it_is() -> None:
    assert occurred({"timestamp": "1997-01-01"}) == 852_076_800_000


def test_nothing_happens_after_its_receipt() -> None:
    assert times({"timestamp": "2030-01-01T00:00:00.000007Z"}) == EventTimes(RECEIVED_AT, 0, None, ())
    assert times({"timestamp": "2026-11-23T22:34:45.000007Z"}) == EventTimes(RECEIVED_AT, 0, None, ())


@pytest.mark.parametrize("skew", [0, 52_000, 306_000, 10 * MINUTE])
def test_a_frozen_sent_at_of_a_retry_moves_nothing(skew: int) -> None:
    assert occurred({"timestamp": "2026-11-23T22:00:00Z"}, RECEIVED_AT - skew) == 1_795_471_200_000


@pytest.mark.parametrize("ahead", [1_000, 60 * MINUTE])
def test_a_clock_that_is_ahead_is_set_back(ahead: int) -> None:
    assert occurred({"timestamp": "2026-11-23T22:00:00Z"}, RECEIVED_AT + ahead) == 1_795_471_200_000 - ahead


def test_a_clock_that_is_far_behind_is_set_forward() -> None:
    assert occurred({"originalTimestamp": "2026-11-22T22:00:00Z"}, RECEIVED_AT - DAY) == 1_795_471_200_000


def test_a_clock_that_began_anew_in_1970_is_set_forward() -> None:
    call: JsonObject = {"timestamp": "1970-01-01T00:05:00Z", "sentAt": "1970-01-01T00:06:00Z"}
    assert occurred(call) == RECEIVED_AT - MINUTE


def test_a_sent_at_of_another_clock_than_the_time_corrects_nothing() -> None:
    assert occurred({"timestamp": "2026-11-23T22:00:00Z", "sentAt": "9999-12-31T23:59:59Z"}) == 1_795_471_200_000


def test_a_forwarded_event_has_been_corrected_already() -> None:
    forwarded: JsonObject = {"timestamp": "2026-11-23T22:00:00Z", "originalTimestamp": "2026-11-23T23:00:00Z"}
    assert occurred(forwarded, RECEIVED_AT + 60 * MINUTE) == 1_795_471_200_000


@given(
    st.lists(st.integers(-3_000, 3_000).map(lambda near: RECEIVED_AT * 1_000 + near), min_size=1, max_size=20),
    st.none() | st.integers(-2, 2).map(lambda near: RECEIVED_AT + near),
)
def test_time_and_ordinal_are_in_the_order_of_written_microseconds_and_arrival(
    written: list[int], sent_at: int | None
) -> None:
    """What would be after its receipt is cut off there, and comes in the order of arrival."""
    skew_us = 0 if sent_at is None or sent_at < RECEIVED_AT else (RECEIVED_AT - sent_at) * 1_000
    orders, expected = [], []
    for arrival, time_us in enumerate(written, 1):
        found = times({"timestamp": time_us}, sent_at)
        orders.append((found.occurred_at, pack_ordinal(found.microsecond, arrival)))
        expected.append((min(time_us + skew_us, RECEIVED_AT * 1_000), arrival))
    arrivals = range(len(written))
    assert sorted(arrivals, key=orders.__getitem__) == sorted(arrivals, key=expected.__getitem__)
