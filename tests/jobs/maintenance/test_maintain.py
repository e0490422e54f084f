"""Steps are run one after the other, and one that fails keeps none of the others from running."""

import threading

import pytest

from jobs.maintenance.maintain import maintain
from jobs.maintenance.step import Step
from runtime.errors import OnefoldError, TerminalError, TransientError
from runtime.retrying import Stopped
from warehouse.client import Warehouse

NOW = 1_700_000_000_000
NOWHERE = Warehouse("http://127.0.0.1:9")


class Saying:
    """A step that says what time it was told."""

    name = "saying"

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:
        assert warehouse is NOWHERE
        if stop.is_set():
            raise Stopped
        return f"at {now}"


class Failing:
    """A step that something keeps from running."""

    name = "failing"

    def __init__(self, error: OnefoldError) -> None:
        self._error = error

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:  # noqa: ARG002
        raise self._error


@pytest.mark.parametrize("error", [TransientError("away"), TerminalError("wrong")])
def test_a_step_that_fails_says_why_and_the_next_one_runs(error: OnefoldError) -> None:
    steps: tuple[Step, ...] = (Failing(error), Saying())
    outcomes = list(maintain(steps, NOWHERE, NOW, threading.Event()))
    assert [str(outcome) for outcome in outcomes] == [f"failing: not done: {error}", f"saying: at {NOW}"]
    assert [outcome.is_done for outcome in outcomes] == [False, True]


def test_a_process_that_stops_runs_no_more_steps() -> None:
    stop = threading.Event()
    outcomes = maintain((Saying(), Saying()), NOWHERE, NOW, stop)
    next(outcomes)
    stop.set()
    with pytest.raises(Stopped):
        next(outcomes)
