"""When a delivery that has failed is attempted again."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.delivery.schedule import SHORTEST_MS, STEPS_MS, next_attempt_at, step_ms

HOUR = 3_600_000
SPREADS = st.floats(-1, 1)


def test_steps_grow_and_the_last_one_goes_on() -> None:
    assert [step_ms(attempts, 0) for attempts in (1, 2, 8, 9, 1_000)] == [1_000, 5_000, 3 * HOUR, 3 * HOUR, 3 * HOUR]


def test_a_receiver_is_taken_at_its_word_to_the_millisecond() -> None:
    assert next_attempt_at(1, 500, 72 * HOUR, 17_000, 1) == 17_500
    assert next_attempt_at(6, 500, 72 * HOUR, 17_000, 1) == 17_500


def test_a_receiver_that_asks_to_come_at_once_is_given_a_moment() -> None:
    assert next_attempt_at(1, 500, 72 * HOUR, 0, -1) == 1_500


def test_who_is_asked_to_come_after_the_end_comes_once_more_at_the_end() -> None:
    assert next_attempt_at(1, 500, 72 * HOUR, 80 * HOUR, 0) == 72 * HOUR
    assert next_attempt_at(2, 72 * HOUR, 72 * HOUR, 80 * HOUR, 0) is None


def test_the_last_attempt_is_at_the_end_of_the_time() -> None:
    assert next_attempt_at(20, 71 * HOUR, 72 * HOUR, None, 0) == 72 * HOUR
    assert next_attempt_at(21, 72 * HOUR, 72 * HOUR, None, 0) is None


@given(st.integers(1, 50), st.integers(0, 10**9), st.none() | st.integers(0, 10**9), SPREADS)
def test_the_next_attempt_lies_ahead_and_within_the_time(
    attempts: int, elapsed: int, after_ms: int | None, spread: float
) -> None:
    at = next_attempt_at(attempts, elapsed, 72 * HOUR, after_ms, spread)
    longest = STEPS_MS[-1] * 2 if after_ms is None else max(after_ms, SHORTEST_MS)
    assert at is None or elapsed < at <= min(elapsed + longest, 72 * HOUR)
    assert (at is None) == (elapsed >= 72 * HOUR)
