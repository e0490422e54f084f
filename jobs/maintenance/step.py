"""One step of maintenance: the protocol that each keeps to."""

import threading
from typing import Protocol

from warehouse.client import Warehouse


class MaintenanceStep(Protocol):
    """Something that the warehouse needs from time to time.

    It may be killed anywhere, and be run again, or twice at once: questions have the same answers before, while and
    after it runs, but for what is to be dropped.
    """

    @property
    def name(self) -> str:
        """What it is called in lines and metrics: one word."""

    @property
    def needs(self) -> str | None:
        """The name of the step without which this one is not run: it failed a moment ago, or was not run either."""

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:
        """Do what there is to do at `now` (ms); return in one line what was done.

        Raises TransientError if it is to be tried again next time, TerminalError if that makes no sense, and Stopped
        when `stop` is set first.
        """


class LaterStep(MaintenanceStep, Protocol):
    """What a process does once more after all steps, when there is time before the next ones."""

    @property
    def after_s(self) -> float:
        """How long after them."""
