"""The library does what its titles say, for stories told here; the data of real shops is the engines' to try."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from definitions import load
from tests.definitions.naive.answers import members, shown_traits
from tests.definitions.naive.lives import Happened, Life

LIBRARY = load(Path(__file__).parents[2] / "examples" / "library")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_700_000_000_000
NOT_HELD_OUT = "profile-1"


def order(ago: int, total: float = 20, channel: str = "web") -> Happened:
    return Happened(NOW - ago, "track", "Order Completed", {"total": total, "channel": channel})


def tracked(ago: int, name: str, product: str = "p") -> Happened:
    return Happened(NOW - ago, "track", name, {"product_id": product})


def page(ago: int, name: str = "Home", medium: str = "") -> Happened:
    facts = {"medium": medium} if medium else {}
    return Happened(NOW - ago, "page", name, context={"facts": facts})


def told(**traits: object) -> Happened:
    return Happened(NOW - HOUR, "identify", None, traits=traits)


def agreed(ago: int, by_mail: bool) -> Happened:
    said = {"marketing": {"email": "granted" if by_mail else "denied"}}
    return Happened(NOW - ago, "track", "Consent Preference Updated", context={"consent": {"purposes": said}})


NO_ADS = Happened(
    NOW - DAY,
    "track",
    "Consent Preference Updated",
    context={"consent": {"purposes": {"advertising": {"ads": "denied"}}}},
)

Past = Sequence[Happened]
EVERYDAY = {"active_customers"}
SEGMENTS: list[tuple[str, Past, set[str]]] = [
    ("nothing", [], set()),
    ("first order", [order(30 * DAY - 1)], EVERYDAY | {"new_customers"}),
    ("a month after it", [order(30 * DAY)], EVERYDAY),
    ("three months", [order(90 * DAY)], {"at_risk_customers"}),
    ("nearly lost", [order(180 * DAY - 1)], {"at_risk_customers"}),
    ("lost", [order(180 * DAY)], {"lost_customers"}),
    ("regained", [order(300 * DAY), order(210 * DAY), order(DAY)], EVERYDAY | {"regained_customers"}),
    ("never lost", [order(300 * DAY), order(210 * DAY - 1), order(DAY)], EVERYDAY),
    ("still shopping", [tracked(2 * HOUR, "Product Added"), tracked(HOUR - 1, "Product Added")], set()),
    ("left a cart", [tracked(HOUR, "Product Added")], {"cart_abandoners", "retargeting"}),
    ("bought it", [tracked(2 * HOUR, "Product Added"), order(HOUR + 1)], EVERYDAY | {"new_customers"}),
    ("bought it late", [tracked(5 * HOUR, "Product Added"), order(HOUR)], EVERYDAY | {"new_customers"}),
    ("left a cart, and wants no advertisements", [tracked(HOUR, "Product Added"), NO_ADS], {"cart_abandoners"}),
    ("left a cart long ago", [tracked(25 * HOUR, "Product Added")], set()),
    (
        "left after looking",
        [tracked(ago * HOUR, "Product Viewed") for ago in (1, 2, 3)],
        {"browse_abandoners", "retargeting"},
    ),
    ("looked at three", [tracked(ago * HOUR, "Product Viewed", str(ago)) for ago in (1, 2, 3)], set()),
    ("is looking", [*(tracked(ago * HOUR, "Product Viewed") for ago in (1, 2, 3)), page(30 * MINUTE - 1)], set()),
    (
        "left a cart and bought in a store",
        [tracked(HOUR, "Product Added"), order(13 * DAY, channel="store")],
        EVERYDAY | {"new_customers", "cart_abandoners", "recent_store_buyers"},
    ),
    ("spends much", [order(200 * DAY, 999.99), order(364 * DAY, 0.01)], {"lost_customers", "high_value"}),
    (
        "a champion",
        [order(ago * DAY, 250) for ago in (1, 40, 80, 120)],
        EVERYDAY | {"high_value", "best_customers"},
    ),
    ("gold", [order(200 * DAY, 2_000)], {"lost_customers", "high_value", "best_customers"}),
    ("came by a mail", [page(40 * DAY, medium="email")], {"campaign_responders"}),
    ("came back by itself", [page(40 * DAY, medium="email"), page(DAY, medium="organic")], set()),
    ("followed a link", [tracked(5 * DAY, "Email Link Clicked")], {"campaign_responders"}),
    (
        "and bought",
        [tracked(29 * DAY, "Email Link Clicked"), order(27 * DAY)],
        EVERYDAY | {"new_customers", "campaign_responders", "campaign_buyers"},
    ),
    (
        "and bought too late",
        [tracked(29 * DAY, "Email Link Clicked"), order(26 * DAY)],
        EVERYDAY | {"new_customers", "campaign_responders"},
    ),
    ("said yes", [agreed(2 * DAY, True), told(email="a@example.com")], {"consented_to_email"}),
    ("said yes, and has no address", [agreed(2 * DAY, True), told(email="none")], set()),
    ("said nothing", [told(email="a@example.com")], set()),
    ("unsubscribed", [agreed(2 * DAY, True), agreed(DAY, False), told(email="a@example.com")], set()),
    ("came back", [agreed(2 * DAY, False), agreed(DAY, True), told(email="a@example.com")], {"consented_to_email"}),
]


@pytest.mark.parametrize(("title", "events", "expected"), SEGMENTS, ids=[title for title, _, _ in SEGMENTS])
def test_who_belongs_where(title: str, events: Past, expected: set[str]) -> None:
    assert members(Life(events, LIBRARY, profile_id=NOT_HELD_OUT), NOW) == expected, title


def test_a_tenth_is_held_out_of_retargeting() -> None:
    left = [tracked(HOUR, "Product Added")]
    followed = [
        number
        for number in range(1_000)
        if "retargeting" in members(Life(left, LIBRARY, profile_id=f"profile-{number}"), NOW)
    ]
    assert 860 <= len(followed) <= 940


TRAITS: list[tuple[str, Past, dict[str, object]]] = [
    ("nothing bought", [page(DAY)], {"rfm_frequency": 1, "rfm_monetary": 1, "lead_warmth": "cold"}),
    (
        "a champion",
        [order(ago * DAY, 250) for ago in (1, 40, 80, 120)],
        {"rfm": 545, "rfm_level": "champion", "loyalty_points": 100, "loyalty_level": "silver", "spent_per_order": 250},
    ),
    ("loyal", [order(ago * DAY, 20) for ago in (61, 62, 63)], {"rfm": 332, "rfm_level": "loyal"}),
    ("promising", [order(DAY, 20)], {"rfm": 511, "rfm_level": "promising", "loyalty_level": "bronze"}),
    ("at risk", [order(ago * DAY, 20) for ago in (100, 110, 120)], {"rfm": 232, "rfm_level": "at risk"}),
    ("hibernating", [order(400 * DAY, 20)], {"rfm": 111, "rfm_level": "hibernating"}),
    ("gold", [order(DAY, 2_000)], {"loyalty_points": 200, "loyalty_level": "gold"}),
    ("warm", [page(DAY, "Pricing"), *(page(DAY + ago) for ago in range(5))], {"warmth": 16, "lead_warmth": "warm"}),
    ("hot", [tracked(DAY, "Call"), tracked(2 * DAY, "Demo Requested")], {"warmth": 60, "lead_warmth": "hot"}),
    (
        "at most 100",
        [tracked(ago * DAY, "Call") for ago in range(1, 6)],
        {"warmth": 100, "lead_warmth": "hot"},
    ),
]


@pytest.mark.parametrize(("title", "events", "expected"), TRAITS, ids=[title for title, _, _ in TRAITS])
def test_what_is_computed(title: str, events: Past, expected: dict[str, object]) -> None:
    shown = shown_traits(Life(events, LIBRARY), NOW)
    assert {name: shown.get(name) for name in expected} == expected, title


def test_who_has_never_bought_has_no_level() -> None:
    shown = shown_traits(Life([page(DAY)], LIBRARY), NOW)
    assert {"rfm", "rfm_recency", "rfm_level", "loyalty_level", "spent_per_order"} & shown.keys() == set()
