"""Rows of ClickHouse as tuples."""

from collections.abc import Mapping

from warehouse.client import Warehouse


def tuples(warehouse: Warehouse, query: str, parameters: Mapping[str, str] | None = None) -> list[tuple[object, ...]]:
    """The rows of a query, whose columns need names of their own; times in ISO 8601."""
    return [tuple(row.values()) for row in warehouse.rows(query, parameters)]
