"""Months that are over lie in one part each after maintenance, with the same answers."""

import threading

import pytest

from jobs.maintenance.merging import Merge
from tests.jobs.maintenance.past import DAY_MS
from tests.sinks.examples import NOW, event, insert, resolved
from tests.support.rows import tuples
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

PARTS = """
    SELECT partition_id = toString(toYYYYMM(now('UTC'))) AS is_under_way, count() AS parts FROM system.parts
    WHERE active AND database = 'onefold' AND table = 'raw_events' GROUP BY partition_id ORDER BY partition_id
"""
COUNT = "SELECT count() FROM onefold.{} WHERE workspace = {{w:String}} SETTINGS final = {}"


def merge(warehouse: Warehouse) -> str:
    return Merge().run(warehouse, 0, threading.Event())


def test_a_month_that_is_over_is_merged_and_the_one_under_way_is_not(warehouse: Warehouse, workspace: str) -> None:
    ((present,),) = tuples(warehouse, "SELECT toUnixTimestamp64Milli(now64(3)) AS now")
    assert isinstance(present, int)
    times: tuple[int, ...] = (NOW, NOW - 40 * DAY_MS, present)
    for offset in (1, 2):
        for occurred_at in times:
            insert(warehouse, [resolved(event("m", workspace, occurred_at=occurred_at), offset + occurred_at)])
    assert "merged" in merge(warehouse)
    parts = tuples(warehouse, PARTS)
    assert all(count == 1 for is_under_way, count in parts if not is_under_way)
    assert any(count > 1 for is_under_way, count in parts if is_under_way)
    assert tuples(warehouse, COUNT.format("events", 1), {"w": workspace}) == [(3,)]
    assert merge(warehouse) == "nothing to do"
