"""The segments of `definitions/` once more, in plain Python over a person's whole list of events."""

import json
import operator
from collections.abc import Callable

from schemas.records import EventType
from tests.oracle.reference import Facts, JsonObject, Segment

HOUR_MS = 3600 * 1000
FREQUENT_WITHIN_MS = 6 * HOUR_MS
ABANDONED_WITHIN_MS = 2 * HOUR_MS

Property = Callable[[JsonObject], bool]


def at_least(times: int, kind: EventType, name: str, within_ms: int, where: Property = lambda _: True) -> Segment:
    """At least so many events of a kind and name (and with such properties) at times e with t - w < e <= t."""

    def holds(facts: Facts) -> bool:
        found = [
            event
            for event in facts.events
            if (event.type, event.event) == (kind, name)
            and facts.at - within_ms < event.occurred_at <= facts.at
            and where(json.loads(event.properties))
        ]
        return len(found) >= times

    return holds


def number(name: str, compare: Callable[[float, float], bool], limit: float) -> Property:
    """A numeric comparison; false for what is missing or no number."""

    def holds(values: JsonObject) -> bool:
        value = values.get(name)
        return isinstance(value, int | float) and not isinstance(value, bool) and compare(value, limit)

    return holds


def _frequent(facts: Facts) -> bool:
    return at_least(5, "track", "Product Viewed", FREQUENT_WITHIN_MS)(facts)


def _devoted(facts: Facts) -> bool:
    return at_least(20, "track", "Product Viewed", 24 * HOUR_MS)(facts)


def _big_spender(facts: Facts) -> bool:
    return at_least(2, "track", "Order Completed", 12 * HOUR_MS, number("total", operator.ge, 100))(facts)


def _quiet(facts: Facts) -> bool:
    return not any(facts.at - HOUR_MS < event.occurred_at <= facts.at for event in facts.events)


def _cart_abandoned(facts: Facts) -> bool:
    added = at_least(1, "track", "加入购物车", ABANDONED_WITHIN_MS)(facts)
    return added and not at_least(1, "track", "Order Completed", ABANDONED_WITHIN_MS)(facts)


def _vip_or_busy(facts: Facts) -> bool:
    return facts.traits.get("plan") == "vip" or at_least(8, "page", "Home", 3 * HOUR_MS)(facts)


def _grown_up_in_beijing(facts: Facts) -> bool:
    return facts.traits.get("city") == "北京" and number("age", operator.ge, 18)(facts.traits)


def _to_be_written_to(facts: Facts) -> bool:
    address = facts.traits.get("address")
    is_near = isinstance(address, dict) and address.get("city") in {"北京", "上海"}
    return is_near and facts.traits.get("newsletter") is not False


SEGMENTS: dict[str, Segment] = {
    "frequent": _frequent,
    "devoted": _devoted,
    "big_spender": _big_spender,
    "quiet": _quiet,
    "cart_abandoned": _cart_abandoned,
    "vip_or_busy": _vip_or_busy,
    "grown_up_in_beijing": _grown_up_in_beijing,
    "to_be_written_to": _to_be_written_to,
}
