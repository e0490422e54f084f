"""What one sender may do costs no question about others: each of those reads what it needs, and no more.

How much a question reads is bounded by `max_rows_to_read`: ClickHouse refuses it when it has to read more.
"""

import json

import pytest

from schemas import topics
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, PHONES, event, insert, placed, profile, resolved
from tests.support.rows import tuples
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

GRANULE = 8_192
HOUR = 3_600_000
FEW = 16 * GRANULE  # rows: some granules of the million; those of other tables are few
BUSY = "busy"
MANY = f"""
INSERT INTO onefold.raw_events (workspace, source, message_id, type, event, occurred_at, received_at, ordinal,
    profile_id, profile_kind, identifiers, version)
SELECT '{BUSY}', 'web', toString(number), 'track', concat('name ', toString(number % 10000)),
       fromUnixTimestamp64Milli({NOW} - number * {90 * 24 * HOUR // 1_000_000}), now64(3), number, '{PHONES}', 'person',
       [('{PHONE.namespace}', '{PHONE.value}')], 4611686018427387903 - number
FROM numbers(1000000)
"""


@pytest.fixture(scope="module")
def busy(migrated: str) -> str:
    """A workspace in which the phone has 1,000,000 events of 10,000 names, and Ada has one."""
    profiles = (profile(ADAS, 1, BUSY, identifiers=(ADA,)), profile(PHONES, 1, BUSY, identifiers=(PHONE,)))
    adas = event("ada", BUSY, identifiers=(ADA,), properties='{"total":7}')
    with Warehouse(migrated, answer_timeout_s=None) as warehouse:
        warehouse.run(MANY)
        written = [placed(topics.PROFILES, record, offset) for offset, record in enumerate(profiles)]
        insert(warehouse, [resolved(adas, 0, ADAS), *written])
    return BUSY


def test_a_person_beside_one_with_a_million_events_is_found_in_a_few_granules(warehouse: Warehouse, busy: str) -> None:
    query = "SELECT message_id FROM onefold.events_of(workspace = {w:String}, profile = {p:String})"
    bounded = f"{query} SETTINGS max_rows_to_read = {FEW}"
    assert tuples(warehouse, bounded, {"w": busy, "p": ADAS}) == [("ada",)]


def test_a_million_events_of_one_person_are_all_there_and_the_last_come_within_little_memory(
    warehouse: Warehouse, busy: str
) -> None:
    of_phone = "onefold.events_of(workspace = {w:String}, profile = {p:String})"
    bound = "SETTINGS max_memory_usage = 1000000000"
    asked = {"w": busy, "p": PHONES}
    ((count, names),) = tuples(warehouse, f"SELECT count() AS c, uniqExact(event) AS n FROM {of_phone} {bound}", asked)
    assert (count, names) == (1_000_000, 10_000)
    last = f"SELECT message_id FROM {of_phone} ORDER BY occurred_at DESC LIMIT 50 {bound}"
    assert len(tuples(warehouse, last, asked)) == 50


@pytest.mark.parametrize(
    "condition",
    [
        "occurred_at > toDateTime64('2023-11-14 21:13:20', 3, 'UTC') AND event = 'name 77'",
        "occurred_at >= '2023-11-14 00:00:00' AND occurred_at < '2023-11-15 00:00:00'",
        "occurred_at BETWEEN '2023-11-01' AND '2023-11-02'",
        "occurred_at > toDateTime('2023-11-14 21:13:20') - INTERVAL 1 DAY",
        "toDate(occurred_at) = '2023-10-10'",
        "toDate(occurred_at, 'Asia/Shanghai') = '2023-10-10'",
        "toStartOfHour(occurred_at) = '2023-10-10 00:00:00'",
        "toUnixTimestamp64Milli(occurred_at) = 1696896000000",
    ],
)
def test_a_question_about_a_time_reads_that_time_alone(warehouse: Warehouse, busy: str, condition: str) -> None:
    query = f"""SELECT count() AS c FROM onefold.events WHERE workspace = {{w:String}} AND {condition}
        SETTINGS max_rows_to_read = {FEW}"""
    ((count,),) = tuples(warehouse, query, {"w": busy})
    assert int(str(count)) < FEW


def test_each_of_a_hundred_thousand_keys_can_be_queried_and_few_are_columns(
    warehouse: Warehouse, workspace: str
) -> None:
    texts = [json.dumps({f"k{at}": at for at in range(start, start + 100)}) for start in range(0, 100_000, 100)]
    insert(warehouse, [resolved(event(f"m{at}", workspace, properties=text), at) for at, text in enumerate(texts)])
    asked = {"w": workspace}
    query = "SELECT properties.k99999 AS k FROM onefold.events WHERE workspace = {w:String} AND k IS NOT NULL"
    assert tuples(warehouse, query, asked) == [(99_999,)]
    columns = (
        "SELECT max(length(JSONDynamicPaths(properties))) AS c FROM onefold.raw_events WHERE workspace = {w:String}"
    )
    ((count,),) = tuples(warehouse, columns, asked)
    assert int(str(count)) <= 256


@pytest.mark.parametrize("at", [-(2**41), 0, 946_684_799_999, 4_102_444_800_000, 2**32 * 1_000, 10_413_791_999_999])
def test_a_time_long_ago_or_far_ahead_is_kept_and_shares_a_partition(
    warehouse: Warehouse, workspace: str, at: int
) -> None:
    insert(
        warehouse,
        [
            resolved(event("odd", workspace, occurred_at=at, received_at=max(at, NOW)), 0),
            resolved(event("now", workspace), 1),
        ],
    )
    query = """SELECT toUnixTimestamp64Milli(occurred_at) AS at FROM onefold.events
        WHERE workspace = {w:String} AND message_id = 'odd'"""
    assert tuples(warehouse, query, {"w": workspace}) == [(at,)]
    recent = f"""SELECT message_id FROM onefold.events WHERE workspace = {{w:String}}
        AND occurred_at > fromUnixTimestamp64Milli({NOW - HOUR}) AND occurred_at <= fromUnixTimestamp64Milli({NOW})"""
    assert tuples(warehouse, recent, {"w": workspace}) == [("now",)]
    partitions = "SELECT partition_id FROM system.parts WHERE table = 'raw_events' AND active GROUP BY partition_id"
    assert {row[0] for row in tuples(warehouse, partitions)} & {"197001", "210602", "190004", "229912"} == set()


def test_a_property_that_is_a_number_today_and_a_text_tomorrow_is_both(warehouse: Warehouse, workspace: str) -> None:
    values = [7, "seven", 7.5, "8", True, None, [7], {"of": 7}]
    insert(
        warehouse,
        [
            resolved(event(f"m{at}", workspace, properties=json.dumps({"total": value})), at)
            for at, value in enumerate(values)
        ],
    )
    of = "FROM onefold.events WHERE workspace = {w:String}"
    summed = f"SELECT toString(sum(toDecimal64OrNull(toString(properties.total), 2))) AS total {of}"
    assert tuples(warehouse, summed, {"w": workspace}) == [("22.5",)]
    named = f"SELECT message_id {of} AND toString(properties.total) = 'seven'"
    assert tuples(warehouse, named, {"w": workspace}) == [("m1",)]
    shown = f"SELECT message_id, properties {of} ORDER BY message_id"
    assert [row[0] for row in tuples(warehouse, shown, {"w": workspace})] == [f"m{at}" for at in range(len(values))]
