"""Steps are run one after the other, and one that fails keeps those alone from running that need it."""

import threading

import pytest

from jobs.maintenance.maintain import maintain, maintain_for_ever
from jobs.maintenance.step import MaintenanceStep
from runtime.errors import OnefoldError, TerminalError, TransientError
from runtime.retrying import Stopped
from warehouse.client import Warehouse

NOW = 1_700_000_000_000
NOWHERE = Warehouse("http://127.0.0.1:9")


class Saying:
    """A step that says what time it was told."""

    name = "saying"
    after_s = 0.0

    def __init__(self, needs: str | None = None) -> None:
        self.needs = needs

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:
        assert warehouse is NOWHERE
        if stop.is_set():
            raise Stopped
        return f"at {now}"


class Failing:
    """A step that something keeps from running."""

    name = "failing"
    needs = None

    def __init__(self, error: OnefoldError) -> None:
        self._error = error

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:  # noqa: ARG002
        raise self._error


@pytest.mark.parametrize("error", [TransientError("away"), TerminalError("wrong")])
def test_a_step_that_fails_says_why_and_the_next_one_runs(error: OnefoldError) -> None:
    steps: tuple[MaintenanceStep, ...] = (Failing(error), Saying())
    outcomes = list(maintain(steps, NOWHERE, NOW, threading.Event()))
    assert [str(outcome) for outcome in outcomes] == [f"failing: not done: {error}", f"saying: at {NOW}"]
    assert [outcome.is_done for outcome in outcomes] == [False, True]


def test_a_step_is_not_run_without_the_one_that_it_needs() -> None:
    steps: tuple[MaintenanceStep, ...] = (
        Failing(TransientError("away")),
        Saying(needs="failing"),
        Saying(needs="saying"),
    )
    outcomes = list(maintain(steps, NOWHERE, NOW, threading.Event()))
    assert [outcome.is_done for outcome in outcomes] == [False, False, False]
    assert str(outcomes[1]) == "saying: not done: it comes after failing"
    assert [outcome.is_done for outcome in maintain((Saying(needs="failing"),), NOWHERE, NOW, threading.Event())] == [
        True
    ]


def test_a_process_does_more_when_all_rows_are_visible_if_there_is_time() -> None:
    class Ending(Saying):
        """Ends the process when it is run for the second time."""

        name = "ending"
        runs = 0

        def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:  # noqa: ARG002
            self.runs += 1
            if self.runs == 2:
                stop.set()
            return "done"

    for later, every_s, runs in ((Ending(), 3_600.0, 2), (Ending(), 0.0, 0)):
        step = Ending()
        steps = (step, later) if runs else (step,)
        maintain_for_ever(steps, later, NOWHERE, every_s, threading.Event())
        assert (step.runs, later.runs) == ((1, 2) if runs else (2, 0))


def test_a_process_that_stops_runs_no_more_steps() -> None:
    stop = threading.Event()
    outcomes = maintain((Saying(), Saying()), NOWHERE, NOW, stop)
    next(outcomes)
    stop.set()
    with pytest.raises(Stopped):
        next(outcomes)
