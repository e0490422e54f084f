"""Finds and drops what is older than it is kept, and says from when on rows are there.

Whole months go as partitions, other rows by a mark: no question has them from then on, and a merge leaves them out.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, cast

from warehouse.client import DATABASE, Warehouse
from warehouse.queries.values import literal
from warehouse.tables import WarehouseTable

_SINCE = """
SELECT retention, toUnixTimestamp64Milli(since) AS since FROM onefold.retained_since FINAL
WHERE workspace = {workspace:String}
"""
_PARTITIONS = """
SELECT DISTINCT partition_id AS partition FROM system.parts
WHERE active AND database = {database:String} AND table = {table:String} AND toUInt32(partition_id) < {month:UInt32}
ORDER BY partition
"""


def utc_day(time_ms: int) -> str:
    """Return the day of a time: 2026-03-01."""
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d}"


class Cut(NamedTuple):
    """Rows of a workspace that are older than `since` (ms) are not kept."""

    workspace: str
    since: int


def retained_since(warehouse: Warehouse, workspace: str) -> Mapping[str, int]:
    """Return, by the names of the settings, since when (ms) rows are there of which older ones were dropped."""
    rows = warehouse.rows(_SINCE, {"workspace": workspace})
    return {str(row["retention"]): cast("int", row["since"]) for row in rows}


def note_retained_since(warehouse: Warehouse, setting: str, cuts: Iterable[Cut]) -> None:
    """Say that what is older is gone; before it is, so that nobody takes what is left for all there was."""
    rows = ", ".join(
        f"({literal(cut.workspace)}, {literal(setting)}, {_time(cut)}, {max(cut.since, 0)})" for cut in cuts
    )
    warehouse.run(f"INSERT INTO {DATABASE}.retained_since (workspace, retention, since, version) VALUES {rows}")


def old_partitions(warehouse: Warehouse, table: WarehouseTable, cuts: Iterable[Cut]) -> list[str]:
    """Find the months that are over for all of these workspaces, and of which no other one has a row."""
    listed = list(cuts)
    month = f"{datetime.fromtimestamp(min(cut.since for cut in listed) / 1_000, UTC):%Y%m}"
    partitions = warehouse.rows(_PARTITIONS, {"database": DATABASE, "table": table.name, "month": month})
    names = ", ".join(literal(cut.workspace) for cut in listed)
    others = (
        f"SELECT DISTINCT _partition_id AS partition FROM {DATABASE}.{table.name}"
        f" WHERE workspace NOT IN ({names}) SETTINGS final = 0"
    )
    kept = {row["partition"] for row in warehouse.rows(others)} if partitions else set()
    return [str(row["partition"]) for row in partitions if row["partition"] not in kept]


def drop_partition(warehouse: Warehouse, table: WarehouseTable, partition: str) -> None:
    """Drop a month; nothing happens if it is gone."""
    warehouse.run(f"ALTER TABLE {DATABASE}.{table.name} DROP PARTITION ID {literal(partition)}")


def count_old_rows(warehouse: Warehouse, table: WarehouseTable, cut: Cut) -> int:
    """Count the rows of a table that are older than it is kept, repetitions and older versions too."""
    query = f"SELECT count() AS old FROM {DATABASE}.{table.name} WHERE {_is_old(table, cut)} SETTINGS final = 0"
    (row,) = warehouse.rows(query)
    return cast("int", row["old"])


def delete_old_rows(warehouse: Warehouse, table: WarehouseTable, cut: Cut) -> None:
    """Delete them; returns when no question has them any more."""
    warehouse.run(
        f"DELETE FROM {DATABASE}.{table.name} WHERE {_is_old(table, cut)} SETTINGS lightweight_deletes_sync = 2"
    )


def _is_old(table: WarehouseTable, cut: Cut) -> str:
    assert table.retained is not None
    return f"workspace = {literal(cut.workspace)} AND {table.retained.column} < {_time(cut)}"


def _time(cut: Cut) -> str:
    return f"fromUnixTimestamp64Milli({cut.since}, 'UTC')"
