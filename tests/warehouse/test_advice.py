"""An error of ClickHouse about what people ask says what to write, and that works."""

import pytest

from runtime.errors import OnefoldError
from tests.sinks.examples import event, insert, resolved
from warehouse.advice import advice
from warehouse.client import Warehouse

TYPES = "num(properties.total), text(properties.plan)"
FUNNEL = "toUInt64(toUnixTimestamp64Milli(occurred_at))"

# What somebody writes first, and what to write instead.
QUERIES = (
    ("SELECT sum(properties.total) FROM events", TYPES, "SELECT sum(num(properties.total)) FROM events"),
    ("SELECT max(properties.total) FROM events", TYPES, "SELECT max(num(properties.total)) FROM events"),
    (
        "SELECT 1 FROM events WHERE properties.total > 10",
        TYPES,
        "SELECT 1 FROM events WHERE num(properties.total) > 10",
    ),
    (
        "SELECT 1 FROM events WHERE properties.sku = 'A1'",
        TYPES,
        "SELECT 1 FROM events WHERE text(properties.sku) = 'A1'",
    ),
    (
        "SELECT 1 FROM events WHERE properties.sku IN ('A1')",
        TYPES,
        "SELECT 1 FROM events WHERE text(properties.sku) IN ('A1')",
    ),
    ("SELECT 1 FROM events WHERE properties.gift", TYPES, "SELECT 1 FROM events WHERE bool(properties.gift)"),
    ("SELECT upper(properties.sku) FROM events", TYPES, "SELECT upper(text(properties.sku)) FROM events"),
    ("SELECT toFloat64(properties.total) FROM events", TYPES, "SELECT toFloat64(num(properties.total)) FROM events"),
    ("SELECT properties.total::Float64 FROM events", TYPES, "SELECT toFloat64(num(properties.total)) FROM events"),
    ("SELECT toDate(properties.sku) FROM events", TYPES, "SELECT toDate(time(properties.sku)) FROM events"),
    (
        "SELECT properties.sku, count() FROM events GROUP BY properties.sku",
        TYPES,
        "SELECT text(properties.sku) AS sku, count() FROM events GROUP BY sku",
    ),
    (
        "SELECT context.page.url AS url FROM events ORDER BY url",
        TYPES,
        "SELECT text(context.page.url) AS url FROM events ORDER BY url",
    ),
    (
        "SELECT product FROM events ARRAY JOIN properties.products AS product",
        "items(properties.products)",
        "SELECT product FROM events ARRAY JOIN items(properties.products) AS product",
    ),
    (
        "SELECT arrayJoin(properties.products) FROM events",
        "items(properties.products)",
        "SELECT arrayJoin(items(properties.products)) FROM events",
    ),
    (
        "SELECT arraySum(properties.products[].price) FROM events",
        "items(properties.products)",
        "SELECT arraySum(product -> ifNull(num(product.price), 0), items(properties.products)) FROM events",
    ),
    (
        "SELECT windowFunnel(86400)(occurred_at, event = 'a', event = 'b') FROM events",
        FUNNEL,
        f"SELECT windowFunnel(86400000)({FUNNEL}, event = 'a', event = 'b') FROM events",
    ),
    (
        "SELECT sequenceMatch('(?1)(?2)')(occurred_at, event = 'a', event = 'b') FROM events",
        "toDateTime(occurred_at)",
        "SELECT sequenceMatch('(?1)(?2)')(toDateTime(occurred_at), event = 'a', event = 'b') FROM events",
    ),
    (
        "SELECT 1 FROM events WHERE occurred_at >= '2026-01-01T00:00:00Z'",
        "time('2026-01-31T00:00:00Z')",
        "SELECT 1 FROM events WHERE occurred_at >= time('2026-01-01T00:00:00Z')",
    ),
    (
        "SELECT sum(coalesce(num(properties.total), 0.5)) FROM events",
        "num(0.5)",
        "SELECT sum(coalesce(num(properties.total), num(0.5))) FROM events",
    ),
    (
        "SELECT num(properties.total) / num(properties.none_of_it) / 0 FROM events",
        "nullIf(..., 0)",
        "SELECT num(properties.total) / nullIf(num(properties.none_of_it), 0) FROM events",
    ),
    (
        'SELECT 1 FROM events WHERE event = "Order Completed"',
        "single quotes",
        "SELECT 1 FROM events WHERE event = 'Order Completed'",
    ),
    ("SELECT count() AS 订单数 FROM events", "in backquotes: `订单数`", "SELECT count() AS `订单数` FROM events"),
    ("SELECT properties.金额_1 FROM events", "in backquotes: `金额_1`", "SELECT num(properties.`金额_1`) FROM events"),
    ("SELECT count()\uff0c1 FROM events", "unexpected character '\uff0c'", "SELECT count(), 1 FROM events"),
    (
        "SELECT sum(num(properties, 'total')) FROM events",
        "take a path: num(properties.total)",
        "SELECT sum(num(properties.total)) FROM events",
    ),
    (
        "SELECT histogram(3)(num(properties.total)) FROM events",
        "toFloat64(num(properties.total))",
        "SELECT histogram(3)(toFloat64(num(properties.total))) FROM events",
    ),
    (
        "SELECT CAST(num(properties.total) AS Float64) FROM events",
        "toFloat64(num(properties.total))",
        "SELECT toFloat64(num(properties.total)) FROM events",
    ),
)


@pytest.fixture
def odd_events(warehouse: Warehouse, workspace: str) -> Warehouse:
    """Events whose properties have every type."""
    texts = (
        '{"total":1.5,"sku":"A1","gift":true}',
        '{"total":"x","sku":7,"gift":"yes"}',
        '{"total":[1],"sku":{"a":1}}',
    )
    page = '{"page":{"url":"https://shop.example/"}}'
    insert(
        warehouse,
        [resolved(event(f"m{at}", workspace, properties=text, context=page), at) for at, text in enumerate(texts)],
    )
    return warehouse


@pytest.mark.stack
@pytest.mark.parametrize(("first", "told", "instead"), QUERIES)
def test_an_error_says_what_to_write_and_that_works(odd_events: Warehouse, first: str, told: str, instead: str) -> None:
    settings = {"database": "onefold"}
    with pytest.raises(OnefoldError) as refused:
        odd_events.answer(first, settings)
    assert told in str(refused.value)
    assert odd_events.answer(instead, settings)


def test_other_errors_are_left_as_they_are() -> None:
    for message in ("Unknown table expression identifier 'event'.", "Unknown expression identifier `totl`.", ""):
        assert advice(message) == ""
