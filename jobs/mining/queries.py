"""Asks ClickHouse; the statement is `warehouse`'s."""

from collections.abc import Iterator

from settings import ClickHouse
from warehouse.client import Warehouse
from warehouse.queries.mining import ANSWER_TIMEOUT_S, Compared, MinedQuery, compare


class WarehouseQueries:
    """See `protocols.Queries`. Waits longer for an answer than a query may take."""

    def __init__(self, server: ClickHouse) -> None:
        self._warehouse = Warehouse(server, ANSWER_TIMEOUT_S)

    def compare(self, query: MinedQuery) -> Iterator[Compared]:
        """See `protocols.Queries`."""
        return compare(self._warehouse, query)
