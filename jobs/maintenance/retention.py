"""Drops what is older than the settings keep it, by the wall clock and in whole days of UTC; without a word nothing.

Who is who, profiles and memberships never grow old. Which tables do, and by which column, `warehouse.tables` says; the
statements are those of `warehouse.queries.retention`.
"""

import threading
from collections.abc import Mapping, Sequence

from runtime.retrying import Stopped
from settings import Workspace
from warehouse.client import Warehouse
from warehouse.queries.retention import (
    Cut,
    count_old_rows,
    delete_old_rows,
    drop_partition,
    erase_deleted_rows,
    has_old_rows,
    note_retained_since,
    old_partitions,
    utc_day,
)
from warehouse.tables import RETAINED, WarehouseTable

_DAY_MS = 86_400_000
_FIRST_DAY = -25_567 * _DAY_MS  # 1900-01-01, where ClickHouse's times begin
_NOBODY = ""  # whose dead letters are that nobody could read


class Retention:
    """The step of maintenance, for one thread. If `is_dry_run`, it only says what it would drop."""

    name = "retention"

    def __init__(self, workspaces: Mapping[str, Workspace], is_dry_run: bool = False) -> None:
        self._workspaces = workspaces
        self._is_dry_run = is_dry_run

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:
        """Drop what is old at `now` (ms)."""
        cuts_of = cuts(self._workspaces, now)
        if not any(cuts_of.values()):
            return "everything is kept for ever"
        dropped: list[str] = []
        for setting, kept in cuts_of.items():
            table = RETAINED[setting]
            old = [cut for cut in kept if has_old_rows(warehouse, table, cut)]
            dropped += [_described(setting, cut, count_old_rows(warehouse, table, cut)) for cut in old]
            if kept and not self._is_dry_run:
                self._drop(warehouse, table, kept, old, stop)
        if not dropped:
            return "nothing is older than it is kept"
        return f"{'would drop' if self._is_dry_run else 'dropped'} {', '.join(dropped)}"

    def _drop(
        self,
        warehouse: Warehouse,
        table: WarehouseTable,
        kept: Sequence[Cut],
        old: Sequence[Cut],
        stop: threading.Event,
    ) -> None:
        """Drop months that are over for everybody, and then the rows of each workspace that are left."""
        assert table.retained is not None
        if old:
            note_retained_since(warehouse, table.retained.setting, old)
        if table.retained.by_month and {cut.workspace for cut in kept} >= self._workspaces.keys():
            for partition in old_partitions(warehouse, table, kept):
                _check(stop)
                drop_partition(warehouse, table, partition)
        for cut in old:
            _check(stop)
            if has_old_rows(warehouse, table, cut):
                delete_old_rows(warehouse, table, cut)
        if table.retained.by_month:
            erase_deleted_rows(warehouse, table, kept)


def cuts(workspaces: Mapping[str, Workspace], now: int) -> dict[str, list[Cut]]:
    """Return, by the names of the settings, from when on rows of each workspace are kept at `now` (ms).

    What is of no workspace is kept as long as by the one that keeps it longest.
    """
    found: dict[str, list[Cut]] = {setting: [] for setting in RETAINED}
    for workspace in workspaces.values():
        for setting, days in workspace.retention.days():
            since = (now // _DAY_MS - days) * _DAY_MS
            found[setting].append(Cut(workspace.name, max(since, _FIRST_DAY)))
    for kept in found.values():
        if kept and len(kept) == len(workspaces):
            kept.append(Cut(_NOBODY, min(cut.since for cut in kept)))
    return found


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped


def _described(setting: str, cut: Cut, rows: int) -> str:
    whose = f"of {cut.workspace!r}" if cut.workspace else "of no workspace"
    return f"{rows:,} {'row' if rows == 1 else 'rows'} of {setting} {whose} before {utc_day(cut.since)}"
