"""When an event happened: written times, and which clock skew is believed."""

import pytest

from admission.json_text import JsonObject, JsonValue
from admission.rejection import Rejection
from collectors import times

RECEIVED_AT = 1_795_473_285_000
MINUTE = 60_000


def occurred(call: JsonObject, sent_at: int | None = None) -> int:
    return times.occurred_at(call, sent_at, RECEIVED_AT)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-23T22:34:44.734Z", 1_795_473_284_734),
        ("2026-11-23T22:34:44.734999+00:00", 1_795_473_284_734),
        ("2026-11-23T22:34:44.857754074Z", 1_795_473_284_857),
        ("2026-11-24T00:34:44+02:00", 1_795_473_284_000),
        ("2026-11-23T22:34:44", 1_795_473_284_000),
        ("1997-01-01", 852_076_800_000),
    ],
)
def test_times_of_all_forms_are_read(text: str, at: int) -> None:
    assert times.read_time({"timestamp": text}, "timestamp") == at


@pytest.mark.parametrize("value", ["now", "0001-01-01T00:00:00Z", "1969-12-31", 5, True, {}])
def test_what_is_no_time_names_its_field(value: JsonValue) -> None:
    with pytest.raises(Rejection) as caught:
        times.read_time({"sentAt": value}, "sentAt")
    assert caught.value.field == "sentAt"


@pytest.mark.parametrize("value", ["", None])
def test_a_blank_time_is_absent(value: str | None) -> None:
    assert times.read_time({"sentAt": value}, "sentAt") is None


def test_without_a_time_it_happened_when_it_was_received() -> None:
    assert occurred({}) == RECEIVED_AT


def test_without_sent_at_an_old_time_is_taken_as_it_is() -> None:
    assert occurred({"timestamp": "1997-01-01"}) == 852_076_800_000


def test_nothing_happens_after_its_receipt() -> None:
    assert occurred({"timestamp": "2030-01-01"}) == RECEIVED_AT


@pytest.mark.parametrize("skew", [0, 52_000, 306_000, 10 * MINUTE])
def test_a_frozen_sent_at_of_a_retry_moves_nothing(skew: int) -> None:
    assert occurred({"timestamp": "2026-11-23T22:00:00Z"}, RECEIVED_AT - skew) == 1_795_471_200_000


@pytest.mark.parametrize("ahead", [1_000, 60 * MINUTE])
def test_a_clock_that_is_ahead_is_set_back(ahead: int) -> None:
    assert occurred({"timestamp": "2026-11-23T22:00:00Z"}, RECEIVED_AT + ahead) == 1_795_471_200_000 - ahead


def test_a_clock_that_is_far_behind_is_set_forward() -> None:
    day = 24 * 60 * MINUTE
    assert occurred({"originalTimestamp": "2026-11-22T22:00:00Z"}, RECEIVED_AT - day) == 1_795_471_200_000


def test_a_forwarded_event_has_been_corrected_already() -> None:
    forwarded: JsonObject = {"timestamp": "2026-11-23T22:00:00Z", "originalTimestamp": "2026-11-23T23:00:00Z"}
    assert occurred(forwarded, RECEIVED_AT + 60 * MINUTE) == 1_795_471_200_000
