"""Drops what is older than the settings keep it, by the wall clock and in whole days of UTC; without a word nothing.

Who is who, profiles and memberships never grow old. Which tables do, and by which column, `warehouse.tables` says; the
statements are those of `warehouse.queries.retention`.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence

from runtime.errors import OnefoldError, TransientError
from runtime.retrying import Stopped
from settings import Workspace
from warehouse.client import Warehouse
from warehouse.queries.clock import server_time
from warehouse.queries.retention import (
    AgeLimit,
    count_old_rows,
    delete_old_rows,
    drop_partition,
    erase_deleted_rows,
    has_old_rows,
    note_retained_since,
    old_partitions,
    retained_since,
    utc_day,
)
from warehouse.queries.roll_ups import has_uncounted_events
from warehouse.table import WarehouseTable
from warehouse.tables import RETAINED

_DAY_MS = 86_400_000
_FIRST_DAY = -25_567 * _DAY_MS  # 1900-01-01, where ClickHouse's times begin
_NO_WORKSPACE = ""  # that of dead letters which nobody could read
_COUNTED = "events"  # into hours, which stay when the events go


class DropOld:
    """The step of maintenance, for one thread. If `is_dry_run`, it only says what it would drop."""

    name = "retention"
    needs = None

    def __init__(self, workspaces: Mapping[str, Workspace], is_dry_run: bool = False) -> None:
        self._workspaces = workspaces
        self._is_dry_run = is_dry_run

    def run(self, warehouse: Warehouse, now: int, stop: threading.Event) -> str:
        """Drop what is old at `now` (ms), of as many tables as it can.

        If ClickHouse's clock is behind, that one counts: a clock that runs ahead must not cost any rows.
        """
        now = min(now, server_time(warehouse))
        limits_of = age_limits(self._workspaces, now)
        if not any(limits_of.values()):
            return "everything is kept for ever"
        dropped: list[str] = []
        failures: list[str] = []
        for setting, limits in limits_of.items():
            try:
                dropped += self._of_table(warehouse, setting, limits, now, stop)
            except OnefoldError as error:
                failures.append(f"{setting}: {error}")
        summary = f"{'would drop' if self._is_dry_run else 'dropped'} {', '.join(dropped)}" if dropped else ""
        if failures:
            raise TransientError("; ".join(filter(None, (*failures, summary))))
        return summary or "nothing is older than it is kept"

    def _of_table(
        self, warehouse: Warehouse, setting: str, limits: Sequence[AgeLimit], now: int, stop: threading.Event
    ) -> list[str]:
        """Drop what is old of one table; return, for each workspace, what that was."""
        table = RETAINED[setting]
        old = [limit for limit in limits if has_old_rows(warehouse, table, limit)]
        described = [_described(setting, limit, count_old_rows(warehouse, table, limit)) for limit in old]
        if limits and not self._is_dry_run:
            if setting == _COUNTED:
                _check_counted(warehouse, old, now)
            self._drop(warehouse, table, limits, old, stop)
        return described

    def _drop(
        self,
        warehouse: Warehouse,
        table: WarehouseTable,
        limits: Sequence[AgeLimit],
        old: Sequence[AgeLimit],
        stop: threading.Event,
    ) -> None:
        """Drop months that are over for everybody, and then the rows of each workspace that are left."""
        assert table.retained is not None
        if old:
            note_retained_since(warehouse, table.retained.setting, old)
        if table.retained.by_month and {limit.workspace for limit in limits} >= self._workspaces.keys():
            for partition in old_partitions(warehouse, table, limits):
                _check(stop)
                drop_partition(warehouse, table, partition)
        if left := [limit for limit in old if has_old_rows(warehouse, table, limit)]:
            _check(stop)
            delete_old_rows(warehouse, table, left)
        if table.retained.by_month:
            erase_deleted_rows(warehouse, table, limits)


def age_limits(workspaces: Mapping[str, Workspace], now: int) -> dict[str, list[AgeLimit]]:
    """Return, by the names of the settings, from when on rows of each workspace are kept at `now` (ms).

    What is of no workspace is kept as long as by the one that keeps it longest.
    """
    limits_of: dict[str, list[AgeLimit]] = {setting: [] for setting in RETAINED}
    for workspace in workspaces.values():
        for setting, days in workspace.retention.days():
            since = (now // _DAY_MS - days) * _DAY_MS
            limits_of[setting].append(AgeLimit(workspace.name, max(since, _FIRST_DAY)))
    for limits in limits_of.values():
        if limits and len(limits) == len(workspaces):
            limits.append(AgeLimit(_NO_WORKSPACE, min(limit.since for limit in limits)))
    return limits_of


def _check_counted(warehouse: Warehouse, limits: Iterable[AgeLimit], now: int) -> None:
    """Raise TransientError if the hours lack events that would be dropped, though they had come before `now`.

    Once they are dropped nobody can count them any more.
    """
    for workspace, until in limits:
        since = retained_since(warehouse, workspace).get(_COUNTED, _FIRST_DAY)
        if has_uncounted_events(warehouse, workspace, since, until, now):
            raise TransientError(f"hours of {workspace!r} before {utc_day(until)} are to be counted first (roll-up)")


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped


def _described(setting: str, limit: AgeLimit, rows: int) -> str:
    whose = f"of {limit.workspace!r}" if limit.workspace else "of no workspace"
    return f"{rows:,} {'row' if rows == 1 else 'rows'} of {setting} {whose} before {utc_day(limit.since)}"
