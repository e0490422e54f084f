"""Reads the past of ClickHouse; the queries are `warehouse`'s."""

from collections.abc import Collection, Iterator, Mapping

from definitions.streaming.states import encode_state
from jobs.backfill.protocols import Wanted
from runtime.clock import now_ms
from warehouse.client import Warehouse
from warehouse.queries.decisions import last_decision
from warehouse.queries.definitions_of_the_past import states

LATENESS_MS = 86_400_000
"""What comes as late as this still finds in the windows of its time what was in them (docs/decisions/0034)."""


class WarehousePast:
    """See `protocols.PastStates`."""

    def __init__(self, warehouse: Warehouse, partition_of: Mapping[str, int], by_event_clock: Collection[str]) -> None:
        """`partition_of`: of `identity.changes`, by workspace. `by_event_clock`: workspaces whose time events tell."""
        self._warehouse = warehouse
        self._partition_of = partition_of
        self._by_event_clock = by_event_clock

    def states(self, wanted: Wanted) -> Iterator[tuple[str, Mapping[str, bytes]]]:
        """See `protocols.PastStates`. One query: who merges meanwhile has its events in one profile or the other."""
        since = None
        if wanted.workspace not in self._by_event_clock:
            since = now_ms() - LATENESS_MS
        rows = states(self._warehouse, wanted.workspace, wanted.kind, wanted.accumulators, wanted.born, since=since)
        for profile_id, found in rows:
            yield profile_id, {identity: encode_state(state) for identity, state in found.items()}

    def decided(self, workspace: str, position: int) -> int:
        """See `protocols.PastStates`."""
        return last_decision(self._warehouse, workspace, self._partition_of[workspace], position)
