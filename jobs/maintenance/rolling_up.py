"""Counts the hours that `hourly_events` has to count for everybody who asks, as something has come to them.

The statements are those of `warehouse.queries.roll_ups`.
"""

import threading
from collections.abc import Iterator

from jobs.maintenance.failpoints import reached
from runtime.retrying import Stopped
from warehouse.client import Warehouse
from warehouse.queries.clock import server_time
from warehouse.queries.roll_ups import BEFORE_ALL, Hour, count_hours, mark_counted, uncounted_hours

VISIBLE_AFTER_S = 900
"""Longer than an insert takes: so long after the time at which a row says it was written it may become visible."""

_HOURS_OF_A_PAGE = 5_000
_HOURS_AT_ONCE = 500
_ROWS_AT_ONCE = 2_000_000


class RollUp:
    """The step of maintenance, for one thread."""

    name = "roll-up"
    needs = "squash"  # who asks before has the people of now: those of an earlier squash would be another answer

    def __init__(self, visible_after_s: int = VISIBLE_AFTER_S) -> None:
        self.visible_after_s = visible_after_s
        self._visible_after_ms = visible_after_s * 1_000
        self._began_at: int | None = None

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:  # noqa: ARG002 - a step's signature
        """Count every hour that has changed; ClickHouse's clock says until when all rows are visible."""
        self._began_at = None
        began_at = server_time(warehouse)
        counted = self._count(warehouse, stop)
        mark_counted(warehouse, began_at - self._visible_after_ms)
        self._began_at = began_at
        return counted

    def again(self, warehouse: Warehouse, stop: threading.Event) -> str:
        """Count once more what had come shortly before it ran last, such as all events just squashed.

        Waits for nothing: rows that may still become visible are left for a later call.
        """
        if self._began_at is None or server_time(warehouse) < self._began_at + self._visible_after_ms:
            return "rows may still become visible"
        counted = self._count(warehouse, stop, self._began_at)
        mark_counted(warehouse, self._began_at)
        self._began_at = None
        return counted

    def _count(self, warehouse: Warehouse, stop: threading.Event, written_until: int | None = None) -> str:
        counted = 0
        for hours in self._batches(warehouse, written_until):
            if stop.is_set():
                raise Stopped
            count_hours(warehouse, hours)
            reached("after_counting")
            counted += len(hours)
        return f"{counted:,} hour{'s were' if counted > 1 else ' was'} counted" if counted else "no hour has changed"

    def _batches(self, warehouse: Warehouse, written_until: int | None) -> Iterator[list[Hour]]:
        """Yield hours that are counted at once: a few, or a single one, however large it is."""
        last = BEFORE_ALL
        while page := uncounted_hours(warehouse, self._visible_after_ms, last, _HOURS_OF_A_PAGE, written_until):
            yield from batches(page)
            last = page[-1]


class RollUpAgain:
    """What a process does once more, in the same thread, when all rows are visible that a roll-up was to count.

    Left out are hours to which something has come since: their people are those of now, until the next squash.
    """

    name = "roll-up-again"
    needs = None

    def __init__(self, roll_up: RollUp) -> None:
        self._roll_up = roll_up

    @property
    def after_s(self) -> float:
        """How long after a roll-up it makes sense."""
        return self._roll_up.visible_after_s

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:  # noqa: ARG002 - a step's signature
        """Count these hours, so that nobody who asks has to until the next roll-up."""
        return self._roll_up.again(warehouse, stop)


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
