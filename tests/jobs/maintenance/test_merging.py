"""Months that are over lie in one part each after maintenance, with the same answers."""

import threading
from collections.abc import Iterator

import pytest

from jobs.maintenance.merging import Merge
from runtime.errors import TransientError
from tests.jobs.maintenance.past import DAY_MS
from tests.sinks.examples import NOW, event, insert, resolved
from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.queries.parts import merge_month, scattered_months

pytestmark = pytest.mark.stack

PARTS = """
    SELECT partition_id, count() AS parts FROM system.parts
    WHERE active AND database = 'onefold' AND table = 'raw_events' AND partition_id IN ('202311', '202310')
    GROUP BY partition_id
"""
EVENTS = "SELECT count() FROM onefold.events WHERE workspace = {w:String}"


@pytest.fixture
def unmerged(warehouse: Warehouse) -> Iterator[None]:
    """ClickHouse merges nothing by itself meanwhile."""
    warehouse.run("SYSTEM STOP MERGES onefold.raw_events")
    yield
    warehouse.run("SYSTEM START MERGES onefold.raw_events")


@pytest.mark.usefixtures("unmerged")
def test_a_month_that_is_over_is_merged_and_the_one_under_way_is_not(warehouse: Warehouse, workspace: str) -> None:
    ((present, month),) = tuples(warehouse, "SELECT toUnixTimestamp64Milli(now64(3)) AS now, toYYYYMM(now()) AS month")
    assert isinstance(present, int)
    times: tuple[int, ...] = (NOW, NOW - 30 * DAY_MS, present)
    for offset in (1, 2):
        for at in times:
            insert(warehouse, [resolved(event("m", workspace, occurred_at=at, received_at=at), offset + at)])
    scattered = scattered_months(warehouse)
    assert {"202310", "202311"} <= set(scattered)
    assert str(month) not in scattered
    warehouse.run("SYSTEM START MERGES onefold.raw_events")
    assert "merged" in Merge().run(warehouse, 0, threading.Event())
    assert sorted(tuples(warehouse, PARTS)) == [("202310", 1), ("202311", 1)]
    assert tuples(warehouse, EVENTS, {"w": workspace}) == [(3,)]


@pytest.mark.usefixtures("unmerged")
def test_a_large_month_is_not_written_anew_for_a_few_rows(warehouse: Warehouse, workspace: str) -> None:
    at = NOW - 4_000 * DAY_MS  # 2012-12-02
    insert(warehouse, [resolved(event(f"m{number}", workspace, occurred_at=at), number) for number in range(300)])
    for number, is_scattered in ((300, False), (301, False), (302, False), (303, True)):  # of 304 one hundredth
        insert(warehouse, [resolved(event(f"m{number}", workspace, occurred_at=at), number)])
        assert ("201212" in scattered_months(warehouse, few_rows=0)) == is_scattered
        assert "201212" in scattered_months(warehouse)


def test_a_month_of_one_part_is_merged_without_a_word(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, [resolved(event("m", workspace, occurred_at=NOW - 5_000 * DAY_MS), 1)])  # 2010-03-07
    for _ in range(2):
        merge_month(warehouse, "201003")


@pytest.mark.usefixtures("unmerged")
def test_a_merge_that_does_not_happen_is_said(warehouse: Warehouse, workspace: str) -> None:
    at = NOW - 4_500 * DAY_MS  # 2011-07-20
    for number in range(2):
        insert(warehouse, [resolved(event(f"m{number}", workspace, occurred_at=at), number)])
    with pytest.raises(TransientError):
        merge_month(warehouse, "201107")
