"""Counts hours ahead of whoever asks `hourly_events`: which are to be counted, counting them, and until when they are.

A row of `raw_events` says when it was written, so it is known which hours have changed since they were counted. The
answers of `hourly_events` are the same before and behind each statement.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

from warehouse.client import Warehouse
from warehouse.queries.values import literal

_HOUR_NUMBER = "intDiv(toUnixTimestamp64Milli(occurred_at), 3600000)"
# Not the hours that were counted once their last row was visible, by a run that did not come to its end.
_UNCOUNTED = f"""
SELECT workspace, hour_number, count() AS rows
FROM (SELECT workspace, {_HOUR_NUMBER} AS hour_number FROM onefold.raw_events)
WHERE (workspace, hour_number) IN
(
    SELECT workspace, hour_number
    FROM onefold.uncounted_hours AS uncounted
    LEFT ANY JOIN
    (
        SELECT workspace, hour_number, max(version) AS counted_at FROM onefold.rolled_up_hours
        GROUP BY workspace, hour_number
    ) AS stored ON uncounted.workspace = stored.workspace AND uncounted.hour_number = stored.hour_number
    WHERE (workspace, hour_number) > ({{workspace:String}}, {{hour_number:Int64}})
      AND counted_at <= toUnixTimestamp64Milli(written_at) + {{visible_after_ms:UInt64}}
      AND toUnixTimestamp64Milli(written_at) <= {{written_until:Int64}}
    ORDER BY workspace, hour_number
    LIMIT {{limit:UInt64}}
)
GROUP BY workspace, hour_number
ORDER BY workspace, hour_number
SETTINGS final = 0
"""
# People as they are squashed: an event whose profile changes after that is written anew, and its hour counted again.
# What is stored of these hours and not there any more gets no events, and so is deleted.
_COUNT = """
INSERT INTO onefold.rolled_up_hours
    (workspace, hour, hour_number, source, event, events, people, bytes, version, is_deleted)
SELECT
    workspace, hour, hour_number, source, event, sum(events) AS counted, uniqMergeState(people), sum(bytes),
    toUnixTimestamp64Milli(now64(3, 'UTC')), counted = 0
FROM
(
    SELECT workspace, hour, hour_number, source, event, events, squashed_people AS people, bytes
    FROM onefold.computed_hours WHERE (workspace, hour_number) IN ({hours})
    UNION ALL
    SELECT
        workspace, hour, hour_number, source, event, 0 AS events,
        arrayReduce('uniqState', emptyArrayString()) AS people, 0 AS bytes
    FROM onefold.rolled_up_hours FINAL WHERE (workspace, hour_number) IN ({hours})
)
GROUP BY workspace, hour, hour_number, source, event
SETTINGS insert_deduplicate = 0
"""
_COUNTED_UNTIL = """
INSERT INTO onefold.rolled_up_until (workspace, until, version)
SELECT DISTINCT workspace, fromUnixTimestamp64Milli({until}, 'UTC'), {until} FROM onefold.rolled_up_hours
SETTINGS insert_deduplicate = 0
"""


# Those that `uncounted_hours` would show, had nothing come since.
_HAS_UNCOUNTED = f"""
SELECT 1
FROM
(
    SELECT {_HOUR_NUMBER} AS hour_number, max(written_at) AS last_written_at FROM onefold.raw_events
    WHERE workspace = {{workspace:String}}
      AND occurred_at >= fromUnixTimestamp64Milli({{since:Int64}})
      AND occurred_at < fromUnixTimestamp64Milli({{until:Int64}})
      AND written_at > (SELECT max(until) FROM onefold.rolled_up_until)
      AND written_at <= fromUnixTimestamp64Milli({{written_until:Int64}})
    GROUP BY hour_number
) AS written
LEFT ANY JOIN
(
    SELECT hour_number, max(version) AS counted_at FROM onefold.rolled_up_hours
    WHERE workspace = {{workspace:String}} GROUP BY hour_number
) AS stored ON written.hour_number = stored.hour_number
WHERE counted_at <= toUnixTimestamp64Milli(last_written_at)
LIMIT 1
SETTINGS final = 0
"""
_NEVER = 2**62


class Hour(NamedTuple):
    """An hour of a workspace, by its number in the key of `raw_events`, and how many rows it has there."""

    workspace: str
    number: int
    rows: int


BEFORE_ALL = Hour("", 0, 0)
"""Comes before every hour, as no workspace has an empty name."""


def uncounted_hours(
    warehouse: Warehouse, visible_after_ms: int, after: Hour, limit: int, written_until: int | None = None
) -> list[Hour]:
    """Find the next hours, behind `after`, that have to be counted; in order.

    `written_until`: only those to which nothing has come since (ms, by the server's clock).
    """
    parameters = {
        "workspace": after.workspace,
        "hour_number": str(after.number),
        "visible_after_ms": str(visible_after_ms),
        "limit": str(limit),
        "written_until": str(_NEVER if written_until is None else written_until),
    }
    rows = warehouse.rows(_UNCOUNTED, parameters)
    return [Hour(str(row["workspace"]), cast("int", row["hour_number"]), cast("int", row["rows"])) for row in rows]


def has_uncounted_events(warehouse: Warehouse, workspace: str, since: int, until: int, written_until: int) -> bool:
    """Return whether events from `since` to `until` were written by then and are in no hour yet; times in ms."""
    times = {"since": str(since), "until": str(until), "written_until": str(written_until)}
    return bool(warehouse.rows(_HAS_UNCOUNTED, {"workspace": workspace, **times}))


def count_hours(warehouse: Warehouse, hours: Sequence[Hour]) -> None:
    """Count these and store them."""
    listed = ", ".join(f"({literal(hour.workspace)}, {hour.number})" for hour in hours)
    warehouse.run(_COUNT.format(hours=listed))


def mark_counted(warehouse: Warehouse, until: int) -> None:
    """Say that all hours are counted, to which something was written until then (ms, by the server's clock)."""
    warehouse.run(_COUNTED_UNTIL.format(until=until))
