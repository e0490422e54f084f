"""The shipped definitions do what their descriptions say; the demo's are the shop's on another scale."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from definitions import Program, compile_program, load
from tests.definitions.naive.lives import Happened
from tests.definitions.streaming.subjects import Known

ROOT = Path(__file__).parents[2] / "examples"
SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
NOW = 1_700_000_000_000

Past = Sequence[tuple[int, str, str | None, dict[str, object]]]


def shipped(name: str) -> Program:
    return compile_program(load(ROOT / name))


def members(program: Program, past: Past) -> set[str]:
    """Names of the segments that hold now, after events (how long ago, type, name, properties)."""
    happened = [Happened(NOW - ago, event_type, name, properties) for ago, event_type, name, properties in past]
    return {segment.name for segment in program.segments if segment.evaluate(Known(program, happened, NOW), NOW)[0]}


def order(ago: int, total: object) -> tuple[int, str, str, dict[str, object]]:
    return ago, "track", "Order Completed", {"order_id": "o", "total": total, "currency": "EUR"}


def added(ago: int) -> tuple[int, str, str, dict[str, object]]:
    return ago, "track", "Product Added", {"product_id": "p", "price": 5, "quantity": 1}


def page(ago: int) -> tuple[int, str, str | None, dict[str, object]]:
    return ago, "page", "Home", {}


SHOP: list[tuple[Past, set[str]]] = [
    ([], set()),
    ([added(40 * MINUTE)], {"cart_abandoners"}),
    ([added(40 * MINUTE), added(20 * MINUTE)], set()),
    ([added(60 * MINUTE)], set()),
    ([added(40 * MINUTE), order(10 * MINUTE, 20)], set()),
    ([page(ago * DAY) for ago in (1, 2, 3, 4, 6)], {"frequent_visitors"}),
    ([page(ago * DAY) for ago in (1, 2, 3, 4, 7)], set()),
    ([order(DAY, 100), order(29 * DAY, 250.5)], {"big_spenders"}),
    ([order(DAY, 100), order(29 * DAY, 99.99)], set()),
    ([order(DAY, 100), order(DAY, "250")], set()),
    ([(DAY - 1, "identify", None, {})], {"newly_identified"}),
    ([(DAY, "identify", None, {})], set()),
]
DEMO: list[tuple[Past, set[str]]] = [
    ([added(6 * SECOND)], {"cart_abandoners"}),
    ([added(5 * SECOND)], set()),
    ([added(20 * SECOND), order(5 * SECOND, 20)], set()),
    ([page(ago * SECOND) for ago in range(5)], {"frequent_visitors"}),
    ([order(14 * SECOND, 100)], {"big_spenders"}),
    ([order(15 * SECOND, 100)], set()),
    ([(9 * SECOND, "identify", None, {})], {"newly_identified"}),
]


@pytest.mark.parametrize(("past", "expected"), SHOP)
def test_segments_of_the_shop(past: Past, expected: set[str]) -> None:
    assert members(shipped("shop"), past) == expected


@pytest.mark.parametrize(("past", "expected"), DEMO)
def test_segments_of_the_demo(past: Past, expected: set[str]) -> None:
    assert members(shipped("demo"), past) == expected


def test_the_demo_has_the_names_and_destinations_of_the_shop() -> None:
    shop, demo = shipped("shop"), shipped("demo")
    assert shop.destinations == demo.destinations == ("ads_audience", "webshop_mail")
    assert [(each.name, each.destinations) for each in shop.segments] == [
        (each.name, each.destinations) for each in demo.segments
    ]
    assert len(shop.segments) == 4
