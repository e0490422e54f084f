"""The token bucket and the circuit breaker of a destination."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.delivery.limits import FAILURES_TO_OPEN, LONGEST_ASKED_MS, LONGEST_PAUSE_MS, Breaker, TokenBucket


@given(st.floats(0.5, 1_000), st.lists(st.tuples(st.floats(0, 3), st.integers(0, 50)), max_size=50))
def test_no_more_is_taken_than_the_rate_allows(rate: float, steps: list[tuple[float, int]]) -> None:
    bucket, now_s, taken = TokenBucket(rate, 0), 0.0, 0
    for pause_s, wanted in steps:
        now_s += pause_s
        taken += bucket.take(wanted, now_s)
    assert taken <= max(rate, 1) + rate * now_s + 1e-6


def test_a_slow_rate_says_when_the_next_token_comes() -> None:
    bucket = TokenBucket(0.5, 0)
    assert bucket.take(5, 0) == 1
    assert bucket.ready_in_s(0) == 2
    assert bucket.take(1, 1.9) == 0
    assert bucket.take(1, 2) == 1


def test_what_is_given_back_can_be_taken_again() -> None:
    bucket = TokenBucket(10, 0)
    assert bucket.take(10, 0) == 10
    bucket.give_back(4)
    assert bucket.take(10, 0) == 4


def opened(at: int = 0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.begin(at)
        breaker.fail(at, 0)
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.fail(0, 0)
    breaker.succeed()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.fail(0, 0)
    assert breaker.state(0) == "closed"
    breaker.fail(0, 0)
    assert breaker.state(0) == "open"


def test_after_its_pause_it_lets_one_request_through() -> None:
    breaker = opened()
    assert not breaker.begin(breaker.ready_at() - 1)
    assert breaker.begin(breaker.ready_at())
    assert not breaker.begin(breaker.ready_at())
    breaker.succeed()
    assert breaker.begin(breaker.ready_at())
    assert breaker.state(0) == "closed"


def test_one_that_fails_again_stays_open_for_longer_and_is_tried_once_a_minute_in_the_end() -> None:
    breaker = opened()
    pauses = [breaker.ready_at()]
    for _ in range(10):
        at = breaker.ready_at()
        assert breaker.begin(at)
        breaker.fail(at, 0)
        pauses.append(breaker.ready_at() - at)
    assert pauses[:3] == sorted(set(pauses[:3]))
    assert set(pauses[2:]) == {LONGEST_PAUSE_MS}


def test_failures_of_requests_that_began_before_it_opened_do_not_count() -> None:
    breaker = opened()
    at = breaker.ready_at()
    for _ in range(50):
        breaker.fail(0, 0)
    assert breaker.ready_at() == at


def test_a_request_that_was_broken_off_is_followed_by_another_one() -> None:
    breaker = opened()
    assert breaker.begin(breaker.ready_at())
    breaker.give_up()
    assert breaker.begin(breaker.ready_at())


def test_a_receiver_that_asks_for_patience_is_left_alone_for_so_long() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker.fail(0, 0, 600_000)
    assert breaker.ready_at() == 600_000


def test_one_that_asks_for_days_is_tried_with_one_request_within_an_hour() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker.fail(0, 0, 72 * 3_600_000)
    assert breaker.ready_at() == LONGEST_ASKED_MS
