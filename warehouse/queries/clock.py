"""Reads ClickHouse's time, by which rows say when they were written."""

from typing import cast

from warehouse.client import Warehouse


def server_time(warehouse: Warehouse) -> int:
    """Return what the server takes for now, in ms."""
    (row,) = warehouse.rows("SELECT toUnixTimestamp64Milli(now64(3, 'UTC')) AS now")
    return cast("int", row["now"])
