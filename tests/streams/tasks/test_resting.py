"""How long a task waits for a batch before it sweeps."""

import pytest

from streams.phases import Committed, Received, Record
from streams.tasks.task import NEXT_BATCH_S, SWEEP_INTERVAL_S, rest_s

BATCH, SWEEP = Received([Record("in", 0, 0, b"k", b"v")], {"in": 1}, 0), Received([], {}, 0)


@pytest.mark.parametrize("received", [BATCH, SWEEP])
def test_deadlines_that_are_due_wait_for_nothing(received: Received) -> None:
    assert rest_s(Committed(received, more=True), sweeps=True) == 0
    assert rest_s(Committed(received, more=True, is_walking=True), sweeps=True) == 0


def test_a_walk_waits_behind_a_batch_for_the_next_one_and_behind_a_sweep_for_nothing() -> None:
    assert rest_s(Committed(BATCH, is_walking=True), sweeps=True) == NEXT_BATCH_S
    assert rest_s(Committed(SWEEP, is_walking=True), sweeps=True) == 0


@pytest.mark.parametrize("last", [None, Committed(BATCH), Committed(SWEEP)])
def test_whoever_has_nothing_to_do_sweeps_now_and_then_or_never(last: Committed | None) -> None:
    assert rest_s(last, sweeps=True) == SWEEP_INTERVAL_S
    assert rest_s(last, sweeps=False) is None
