"""Finds and drops what is older than it is kept, and says from when on rows are there.

Whole months go as partitions. Other rows are deleted by a mark: no question has them from then on, and they leave the
disk when their parts are merged, of events at the latest when the month is over.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, cast

from warehouse.client import DATABASE, Warehouse
from warehouse.queries.values import literal
from warehouse.table import WarehouseTable

_SINCE = """
SELECT retention, toUnixTimestamp64Milli(since) AS since FROM onefold.retained_since FINAL
WHERE workspace = {workspace:String}
"""
_PARTITIONS = """
SELECT DISTINCT partition_id AS partition FROM system.parts
WHERE active AND database = {database:String} AND table = {table:String} AND toUInt32(partition_id) < {month:UInt32}
ORDER BY partition
"""
_WITH_DELETED_ROWS = _PARTITIONS.replace("WHERE active", "WHERE active AND has_lightweight_delete")


def utc_day(time_ms: int) -> str:
    """Return the day of a time: 2026-03-01."""
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d}"


class AgeLimit(NamedTuple):
    """Rows of a workspace that are older than `since` (ms) are not kept."""

    workspace: str
    since: int


def retained_since(warehouse: Warehouse, workspace: str) -> Mapping[str, int]:
    """Return, by the names of the settings, since when (ms) rows are there of which older ones were dropped."""
    rows = warehouse.rows(_SINCE, {"workspace": workspace})
    return {str(row["retention"]): cast("int", row["since"]) for row in rows}


def note_retained_since(warehouse: Warehouse, setting: str, limits: Iterable[AgeLimit]) -> None:
    """Say that what is older is gone; before it is, so that nobody takes what is left for all there was."""
    rows = ", ".join(
        f"({literal(limit.workspace)}, {literal(setting)}, {_time(limit)}, {max(limit.since, 0)})" for limit in limits
    )
    warehouse.run(f"INSERT INTO {DATABASE}.retained_since (workspace, retention, since, version) VALUES {rows}")


def old_partitions(warehouse: Warehouse, table: WarehouseTable, limits: Iterable[AgeLimit]) -> list[str]:
    """Find the months that are over for all of these workspaces, and of which no other one has a row."""
    listed = list(limits)
    parameters = {"database": DATABASE, "table": table.name, "month": _month(min(limit.since for limit in listed))}
    partitions = warehouse.rows(_PARTITIONS, parameters)
    names = ", ".join(literal(limit.workspace) for limit in listed)
    others = (
        f"SELECT DISTINCT _partition_id AS partition FROM {DATABASE}.{table.name}"
        f" WHERE workspace NOT IN ({names}) SETTINGS final = 0"
    )
    kept = {row["partition"] for row in warehouse.rows(others)} if partitions else set()
    return [str(row["partition"]) for row in partitions if row["partition"] not in kept]


def drop_partition(warehouse: Warehouse, table: WarehouseTable, partition: str) -> None:
    """Drop a month; nothing happens if it is gone."""
    warehouse.run(f"ALTER TABLE {DATABASE}.{table.name} DROP PARTITION ID {literal(partition)}")


def has_old_rows(warehouse: Warehouse, table: WarehouseTable, limit: AgeLimit) -> bool:
    """Return whether a table has rows that are older than they are kept, and be it repetitions or older versions."""
    query = f"SELECT 1 FROM {DATABASE}.{table.name} WHERE {_is_old(table, limit)} LIMIT 1 SETTINGS final = 0"
    return bool(warehouse.rows(query))


def count_old_rows(warehouse: Warehouse, table: WarehouseTable, limit: AgeLimit) -> int:
    """Count those of them that questions have."""
    query = f"SELECT count() AS old FROM {DATABASE}.{table.name} FINAL WHERE {_is_old(table, limit)}"
    (row,) = warehouse.rows(query)
    return cast("int", row["old"])


def delete_old_rows(warehouse: Warehouse, table: WarehouseTable, limits: Iterable[AgeLimit]) -> None:
    """Delete them, of all these workspaces at once; returns when no question has them any more."""
    are_old = " OR ".join(f"({_is_old(table, limit)})" for limit in limits)
    warehouse.run(f"DELETE FROM {DATABASE}.{table.name} WHERE {are_old} SETTINGS lightweight_deletes_sync = 1")


def erase_deleted_rows(warehouse: Warehouse, table: WarehouseTable, limits: Iterable[AgeLimit]) -> None:
    """Take deleted rows off the disk, but for months of which one of these workspaces loses a day every day."""
    under_way = {_month(limit.since) for limit in limits}
    parameters = {"database": DATABASE, "table": table.name, "month": max(under_way)}
    for row in warehouse.rows(_WITH_DELETED_ROWS, parameters):
        if row["partition"] not in under_way:
            warehouse.run(
                f"ALTER TABLE {DATABASE}.{table.name} APPLY DELETED MASK"
                f" IN PARTITION ID {literal(str(row['partition']))} SETTINGS mutations_sync = 1"
            )


def _month(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y%m}"


def _is_old(table: WarehouseTable, limit: AgeLimit) -> str:
    assert table.retained is not None
    return f"workspace = {literal(limit.workspace)} AND {table.retained.column} < {_time(limit)}"


def _time(limit: AgeLimit) -> str:
    return f"fromUnixTimestamp64Milli({limit.since}, 'UTC')"
