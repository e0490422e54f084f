"""Finds months of events that lie in several parts, and merges them: FINAL reads a single part as it is."""

from warehouse.client import Warehouse
from warehouse.queries.values import literal

_SCATTERED = """
SELECT partition_id AS month FROM system.parts
WHERE active AND database = 'onefold' AND table = 'raw_events' AND partition_id != toString(toYYYYMM(now('UTC')))
GROUP BY month HAVING count() > 1 ORDER BY month
"""


def scattered_months(warehouse: Warehouse) -> list[str]:
    """Return the ids of partitions of `raw_events` with several parts, but for the month that is under way."""
    return [str(row["month"]) for row in warehouse.rows(_SCATTERED)]


def merge_month(warehouse: Warehouse, month: str) -> None:
    """Make one part of a partition; of each event the row that counts is left."""
    warehouse.run(f"OPTIMIZE TABLE onefold.raw_events PARTITION ID {literal(month)} FINAL")
