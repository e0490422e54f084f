"""Merges the months that are over into one part each, whatever has been squashed or has come late.

Left to itself ClickHouse lets a small part lie beside a large one for good, and every question about the month then
merges both (docs/decisions/0030). The month that is under way gets new parts all the time, and is left to ClickHouse.
"""

import threading

from jobs.maintenance.failpoints import reached
from runtime.retrying import Stopped
from warehouse.client import Warehouse
from warehouse.queries.parts import FEW_ROWS, merge_month, scattered_months


class Merge:
    """The step of maintenance, for one thread."""

    name = "merge"
    needs = None

    def __init__(self, few_rows: int = FEW_ROWS) -> None:
        self._few_rows = few_rows

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:  # noqa: ARG002 - a step's signature
        """Merge every month that is worth it; which month is under way is for ClickHouse's clock to say."""
        months = scattered_months(warehouse, self._few_rows)
        for month in months:
            if stop.is_set():
                raise Stopped
            merge_month(warehouse, month)
            reached("after_merging")
        return f"{len(months)} month{'s were' if len(months) > 1 else ' was'} merged" if months else "nothing to do"
