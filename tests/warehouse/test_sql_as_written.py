"""What people write first, for whom ClickHouse is new, works as it is written."""

import pytest

from schemas import topics
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, event, insert, placed, profile, resolved
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

DAY_MS = 86_400_000
QUERIES = (
    "SELECT count() FROM onefold.events",
    "select count(*) from events final;",
    "SELECT count() FROM onefold.events AS e FINAL",
    "-- how many\nSELECT /* of all */ count(DISTINCT profile_id) FROM events -- people\n;",
    "# how many\nSELECT count() FROM events",
    'SELECT "profile_id", `event` FROM "events" LIMIT 1',
    "SELECT count() AS \"订单数\", uniq(profile_id) AS `人数` FROM events WHERE event = '下单'",
    'SELECT sum(num(properties.`金额`)), any(text(properties.`net price`)), any(text(properties."a b")) FROM events',
    "SELECT event, count() FROM events GROUP BY 1 ORDER BY 2 DESC",
    "SELECT event, count() FROM events GROUP BY ALL",
    "SELECT event, source, count() FROM events GROUP BY GROUPING SETS ((event), (source))",
    "SELECT event, count() FROM events GROUP BY event WITH TOTALS",
    "SELECT sum(num(properties.total)) AS total FROM events GROUP BY event HAVING total > 10",
    "SELECT count(*) FILTER (WHERE event = 'x'), countIf(event ILIKE '%ORDER%') FROM events",
    "SELECT toStartOfWeek(occurred_at) AS w, toMonday(occurred_at), date_trunc('month', occurred_at) FROM events",
    "SELECT toDate(occurred_at, 'Asia/Shanghai') AS day, toHour(occurred_at, 'Asia/Shanghai') AS h FROM events",
    "SELECT toStartOfDay(toTimeZone(occurred_at, 'Asia/Shanghai')) AS day, count() FROM events GROUP BY day",
    "SELECT count() FROM events WHERE occurred_at BETWEEN '2023-11-01' AND '2023-11-30 23:59:59'",
    "SELECT count() FROM events WHERE occurred_at >= now() - INTERVAL 7 DAY AND occurred_at >= today() - 7",
    "SELECT count() FROM events WHERE toDate(occurred_at) = DATE '2023-11-14' AND toYYYYMM(occurred_at) = 202311",
    "SELECT formatDateTime(occurred_at, '%Y-%m') AS month, EXTRACT(hour FROM occurred_at) FROM events",
    "SELECT toStartOfHour(occurred_at) AS h, count() FROM events GROUP BY h ORDER BY h WITH FILL STEP INTERVAL 1 HOUR",
    "SELECT profile_id, event FROM events ORDER BY occurred_at DESC LIMIT 1 BY profile_id",
    "SELECT event, row_number() OVER (PARTITION BY profile_id ORDER BY occurred_at) AS n FROM events QUALIFY n = 1",
    "SELECT lag(occurred_at) OVER (PARTITION BY profile_id ORDER BY occurred_at) FROM events",
    "WITH orders AS (SELECT * FROM events WHERE event = 'Order Completed') SELECT count() FROM orders",
    "SELECT 1 FROM events AS a ASOF JOIN events AS b ON a.profile_id = b.profile_id AND a.occurred_at >= b.occurred_at",
    "SELECT text(p.traits.plan) AS plan, count() FROM events JOIN profiles p USING (profile_id) GROUP BY plan",
    "SELECT count() FROM events WHERE profile_id IN (SELECT profile_id FROM segment_members WHERE segment = 'x')",
    "SELECT count() FROM events WHERE EXISTS (SELECT 1 FROM profiles WHERE profiles.profile_id = events.profile_id)",
    f"SELECT event FROM events_of(workspace = 'main', profile = '{ADAS}')",
    f"SELECT event FROM onefold.events_of(profile = '{ADAS}', workspace = 'main')",
    "SELECT 1 FROM events_of(workspace = 'main', profile = (SELECT profile_id FROM identifiers WHERE value = 'void'))",
    "SELECT windowFunnel(86400)(toDateTime(occurred_at), event = 'a', event = 'b', event = 'c') FROM events",
    "SELECT windowFunnel(86400, 'strict_order')(toDateTime(occurred_at), event = 'a', event = 'b') FROM events",
    "SELECT retention(event = 'a', event = 'b'), sequenceMatch('(?1)(?2)')(toDateTime(occurred_at), 1, 1) FROM events",
    "SELECT identifiers[1].value, has(identifiers.value, 'ada') FROM events",
    "SELECT p.profile_id FROM profiles AS p ARRAY JOIN identifiers AS i WHERE i.namespace = 'email'",
    "SELECT counters['Order Completed'], traits FROM profiles",
    "SELECT text(context.page.url) AS url, domain(url), count() FROM events GROUP BY url",
    "SELECT product.price FROM events LEFT ARRAY JOIN items(properties.products) AS product",
    "SELECT event FROM events WHERE event = 'a' UNION SELECT event FROM events",
    "SELECT DISTINCT arrayJoin(JSONAllPaths(properties)) FROM events",
    "SELECT * EXCEPT (properties, context) FROM events LIMIT 5 OFFSET 1",
    "SELECT * FROM events LIMIT 1 SETTINGS max_threads = 1 FORMAT JSONEachRow;",
    "SELECT * FROM events FORMAT CSVWithNames",
    "SELECT * FROM events FORMAT Parquet",
    "SELECT * FROM profiles FORMAT Parquet",
    "DESCRIBE events",
    "SHOW TABLES",
    "EXPLAIN SELECT count() FROM events",
)


@pytest.fixture
def shop(warehouse: Warehouse, workspace: str) -> Warehouse:
    """A few events and a profile."""
    texts = ('{"total":1.5,"products":[{"price":1}]}', '{"total":"2"}', '{"total":[1]}')
    events = [event(f"m{at}", workspace, properties=text) for at, text in enumerate(texts)]
    insert(warehouse, [resolved(one, at, ADAS) for at, one in enumerate(events)])
    insert(warehouse, [placed(topics.PROFILES, profile(ADAS, 1, workspace, identifiers=(ADA, PHONE)), 0)])
    return warehouse


SHOWN = "message_id, profile_id, profile_kind, event, properties"
OTHER = "LEFT JOIN (SELECT 'none' AS name, 1 AS is_named) AS other ON event = other.name WHERE workspace = {w:String}"
LEFT_JOINS = (
    f"SELECT {SHOWN}, is_named FROM onefold.events {OTHER} ORDER BY message_id",
    f"SELECT {SHOWN}, is_named FROM onefold.events_of(workspace = {{w:String}}, profile = '{ADAS}') {OTHER} ORDER BY 1",
    f"SELECT event, hour, events, is_named FROM onefold.hourly_events {OTHER}",
)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_works_as_it_is_written(shop: Warehouse, query: str) -> None:
    shop.answer(query, {"database": "onefold"})


@pytest.mark.parametrize("query", LEFT_JOINS)
def test_what_a_left_join_misses_is_null_where_somebody_wants_that_and_views_show_what_they_always_do(
    shop: Warehouse, workspace: str, query: str
) -> None:
    usual = shop.rows(query, {"w": workspace})
    with_nulls = shop.rows(f"{query} SETTINGS join_use_nulls = 1", {"w": workspace})
    assert sum(int(str(row.get("events", 1))) for row in usual) == 3
    assert [row["is_named"] for row in usual] == [0] * len(usual)
    assert with_nulls == [{**row, "is_named": None} for row in usual]


def test_who_did_one_thing_and_not_another_is_found_by_except(warehouse: Warehouse, workspace: str) -> None:
    named = [("viewed", NOW), ("viewed", NOW - DAY_MS), ("bought", NOW)]
    events = [event(f"m{at}", workspace, event=name, occurred_at=time) for at, (name, time) in enumerate(named)]
    insert(warehouse, [resolved(one, at, ADAS) for at, one in enumerate(events)])
    who = f"SELECT profile_id FROM events WHERE workspace = '{workspace}' AND event ="
    found = warehouse.answer(f"{who} 'viewed' EXCEPT {who} 'bought' FORMAT TSV", {"database": "onefold"})
    assert found.content == b""
