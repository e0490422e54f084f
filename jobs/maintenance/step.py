"""One step of maintenance: the protocol that each keeps to."""

import threading
from typing import Protocol

from warehouse.client import Warehouse


class Step(Protocol):
    """Something that the warehouse needs from time to time.

    It may be killed anywhere, and be run again, or twice at once: questions have the same answers before, while and
    after it runs, but for what is to be dropped.
    """

    @property
    def name(self) -> str:
        """What it is called in lines and metrics: one word."""

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:
        """Do what there is to do at `now` (ms); return in one line what was done.

        Raises TransientError if it is to be tried again next time, TerminalError if that makes no sense, and Stopped
        when `stop` is set first.
        """
