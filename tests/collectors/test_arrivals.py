"""Arrivals: each call has its own, greater than those before, and near the clock."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from collectors.arrivals import Arrivals


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 9)), max_size=50))
def test_no_arrival_is_given_twice_whatever_the_clock_does(requests: list[tuple[int, int]]) -> None:
    now_us = 0
    arrivals = Arrivals(lambda: now_us)
    taken: list[int] = []
    for time_us, calls in requests:
        now_us = time_us
        first = arrivals.take(calls)
        assert first >= now_us
        taken += range(first, first + max(calls, 1))
    assert taken == sorted(set(taken))


def test_an_arrival_is_the_time_unless_that_was_given_before() -> None:
    arrivals = Arrivals(lambda: 100)
    assert [arrivals.take(3), arrivals.take(1), Arrivals(lambda: 100).take(1)] == [100, 103, 100]


def test_threads_get_different_ones() -> None:
    arrivals = Arrivals(lambda: 0)
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(arrivals.take, [7] * 4_000))
    assert sorted(taken) == list(range(1, 28_000, 7))
