"""Counts the hours that `hourly_events` has to count for everybody who asks, as something has come to them.

The statements are those of `warehouse.queries.roll_ups`.
"""

import threading
from collections.abc import Iterator

from jobs.maintenance.failpoints import reached
from runtime.retrying import Stopped
from warehouse.client import Warehouse
from warehouse.queries.overrides import server_time
from warehouse.queries.roll_ups import BEFORE_ALL, Hour, count_hours, mark_counted, uncounted_hours

SETTLED_AFTER_S = 900
"""Longer than an insert takes: so long after the time at which a row says it was written it may become visible."""

_HOURS_OF_A_PAGE = 5_000
_HOURS_AT_ONCE = 500
_ROWS_AT_ONCE = 2_000_000


class RollUp:
    """The step of maintenance, for one thread."""

    name = "roll-up"

    def __init__(self, settled_after_s: int = SETTLED_AFTER_S) -> None:
        self._settled_after_ms = settled_after_s * 1_000

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:  # noqa: ARG002 - a step's signature
        """Count every hour that has changed; ClickHouse's clock says what has settled."""
        until = server_time(warehouse) - self._settled_after_ms
        counted = 0
        for hours in self._batches(warehouse):
            if stop.is_set():
                raise Stopped
            count_hours(warehouse, hours)
            reached("after_counting")
            counted += len(hours)
        mark_counted(warehouse, until)
        return f"{counted:,} hour{'s were' if counted > 1 else ' was'} counted" if counted else "no hour has changed"

    def _batches(self, warehouse: Warehouse) -> Iterator[list[Hour]]:
        """Yield hours that are counted at once: a few, or a single one, however large it is."""
        last = BEFORE_ALL
        while page := uncounted_hours(warehouse, self._settled_after_ms, last, _HOURS_OF_A_PAGE):
            yield from batches(page)
            last = page[-1]


def batches(hours: list[Hour]) -> Iterator[list[Hour]]:
    """Divide hours by their number and their rows."""
    batch: list[Hour] = []
    rows = 0
    for hour in hours:
        if batch and (len(batch) == _HOURS_AT_ONCE or rows + hour.rows > _ROWS_AT_ONCE):
            yield batch
            batch, rows = [], 0
        batch.append(hour)
        rows += hour.rows
    if batch:
        yield batch
