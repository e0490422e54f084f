"""Runs the steps of maintenance one after the other; one that fails keeps those alone from running that need it."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jobs.maintenance import metrics
from jobs.maintenance.failpoints import reached
from jobs.maintenance.step import LaterStep, MaintenanceStep
from runtime.clock import now_ms
from runtime.errors import OnefoldError
from warehouse.client import Warehouse

logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What a step did, or why it did not."""

    step: str
    summary: str
    is_done: bool

    def __str__(self) -> str:
        return f"{self.step}: {self.summary}" if self.is_done else f"{self.step}: not done: {self.summary}"


def maintain(
    steps: Iterable[MaintenanceStep], warehouse: Warehouse, now: int, stop: threading.Event
) -> Iterator[Outcome]:
    """Run each step as of `now` (ms) and yield what came of it. Raises Stopped when `stop` is set first."""
    failed: set[str] = set()
    for step in steps:
        started = time.monotonic()
        if step.needs in failed:
            outcome = Outcome(step.name, f"it comes after {step.needs}", is_done=False)
        else:
            outcome = _run(step, warehouse, now, stop)
        metrics.STEP_S.labels(step.name).observe(time.monotonic() - started)
        metrics.STEPS.labels(step.name, "done" if outcome.is_done else "failed").inc()
        if outcome.is_done:
            metrics.DONE_AT.labels(step.name).set_to_current_time()
        else:
            failed.add(step.name)
        yield outcome
        reached("between_steps")


def _run(step: MaintenanceStep, warehouse: Warehouse, now: int, stop: threading.Event) -> Outcome:
    try:
        return Outcome(step.name, step.run(warehouse, now, stop), is_done=True)
    except OnefoldError as error:
        return Outcome(step.name, str(error), is_done=False)


def maintain_for_ever(
    steps: Iterable[MaintenanceStep], later: LaterStep, warehouse: Warehouse, every_s: float, stop: threading.Event
) -> None:
    """Run all steps at once and then `every_s`, from the beginning of one time to that of the next; logs each outcome.

    `later` follows them if its time comes first. Raises Stopped when `stop` is set in the midst of a step; returns
    when it is set between two.
    """
    listed = tuple(steps)
    while not stop.is_set():
        next_at = time.monotonic() + every_s
        _maintain_once(listed, warehouse, stop)
        if time.monotonic() + later.after_s < next_at and not stop.wait(later.after_s):
            _maintain_once((later,), warehouse, stop)
        stop.wait(max(0.0, next_at - time.monotonic()))


def _maintain_once(steps: Iterable[MaintenanceStep], warehouse: Warehouse, stop: threading.Event) -> None:
    for outcome in maintain(steps, warehouse, now_ms(), stop):
        logger.log(logging.INFO if outcome.is_done else logging.WARNING, "%s", outcome)
