"""What the benchmark of definitions says of states is the promise: at the median a state has less than 2 KB."""

import pytest

from bench.definitions import measure


@pytest.mark.parametrize("spread", [False, True])
def test_states_of_200_definitions_have_less_than_2_kb_at_the_median(spread: bool) -> None:
    assert measure(200, spread, events=3_000, people=100).median_bytes < 2_000
