"""Reads the past of ClickHouse; the queries are `warehouse`'s."""

from collections.abc import Iterator, Mapping

from definitions.streaming.states import encode_state
from jobs.backfill.protocols import Wanted
from warehouse.client import Warehouse
from warehouse.queries.decisions import last_decision
from warehouse.queries.definitions_of_the_past import states


class WarehousePast:
    """See `protocols.PastStates`."""

    def __init__(self, warehouse: Warehouse, partition_of: Mapping[str, int]) -> None:
        """`partition_of`: of `identity.changes`, by workspace."""
        self._warehouse = warehouse
        self._partition_of = partition_of

    def states(self, wanted: Wanted) -> Iterator[tuple[str, Mapping[str, bytes]]]:
        """See `protocols.PastStates`. One query: whoever merges meanwhile has its events in one place or the other."""
        rows = states(self._warehouse, wanted.workspace, wanted.kind, wanted.accumulators, wanted.born)
        for profile_id, found in rows:
            yield profile_id, {identity: encode_state(state) for identity, state in found.items()}

    def decided(self, workspace: str, position: int) -> int:
        """See `protocols.PastStates`."""
        return last_decision(self._warehouse, workspace, self._partition_of[workspace], position)
