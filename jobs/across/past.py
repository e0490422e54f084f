"""Reads the past of ClickHouse; the queries are `warehouse`'s."""

from collections.abc import Iterator
from contextlib import contextmanager

from definitions.across import Course, Memory
from jobs.across.protocols import Unanswered
from runtime.errors import OnefoldError
from warehouse.client import Warehouse
from warehouse.queries import across
from warehouse.queries.across import TriggerTicks, UsualsKept


class WarehouseAcross:
    """See `protocols.AcrossPast`."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._usuals = UsualsKept()

    def firings(self, ticks: TriggerTicks, memory: Memory | None, *, fires_from: int | None = 0) -> Course:
        """See `protocols.AcrossPast`."""
        with _querying():
            return across.find_firings(self._warehouse, ticks, memory, fires_from=fires_from, kept=self._usuals)

    def first_event_at(self, workspace: str) -> int | None:
        """See `protocols.AcrossPast`."""
        with _querying():
            return across.first_event_at(self._warehouse, workspace)

    def latest_event_at(self, workspace: str, received: int | None = None) -> int | None:
        """See `protocols.AcrossPast`."""
        with _querying():
            return across.latest_event_at(self._warehouse, workspace, received)


@contextmanager
def _querying() -> Iterator[None]:
    try:
        yield
    except OnefoldError as error:
        raise Unanswered(str(error)) from error
