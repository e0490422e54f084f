"""Finds months of events that lie in several parts, and merges them: FINAL reads a single part as it is."""

from warehouse.client import Warehouse
from warehouse.queries.values import literal

_SCATTERED = """
SELECT partition_id AS month FROM system.parts
WHERE active AND database = 'onefold' AND table = 'raw_events' AND partition_id != toString(toYYYYMM(now('UTC')))
GROUP BY month
HAVING count() > 1 AND (sum(rows) <= {few_rows:UInt64} OR sum(rows) - max(rows) > sum(rows) / 100)
ORDER BY month
"""

FEW_ROWS = 1_000_000
"""A month of so many is merged in seconds, and so whatever lies apart."""


def scattered_months(warehouse: Warehouse, few_rows: int = FEW_ROWS) -> list[str]:
    """Return the ids of partitions of `raw_events` with several parts, but for the month that is under way.

    Of more than `few_rows` those alone of which a hundredth lies beside the largest part: merging writes all anew.
    """
    return [str(row["month"]) for row in warehouse.rows(_SCATTERED, {"few_rows": str(few_rows)})]


def merge_month(warehouse: Warehouse, month: str) -> None:
    """Make one part of a partition; of each event the row that counts is left.

    Raises TransientError where ClickHouse merges nothing.
    """
    partition = f"PARTITION ID {literal(month)}"
    warehouse.run(f"OPTIMIZE TABLE onefold.raw_events {partition} FINAL SETTINGS optimize_throw_if_noop = 1")
