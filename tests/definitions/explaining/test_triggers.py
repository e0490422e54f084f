"""An explanation of a trigger says what became of each event that it is about, or of the beginning of its condition."""

import json

import msgspec
import pytest

from definitions import compile_program
from definitions.explaining.past import PastProfile
from definitions.explaining.triggers import LOOKED_BACK, Occasion, PublishedFiring, explain_trigger, missing_texts
from definitions.model import (
    Call,
    Comparison,
    Definitions,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    PropertyFilter,
    TraitComparison,
    Trigger,
    Window,
)
from definitions.quiet_hours import QuietHours
from definitions.streaming.times import text_of
from schemas.records import Event

HOUR = 3_600_000
NOW = 1_800_000_000_000  # 08:00 in UTC
LONG_AGO = NOW - 1_000 * HOUR
BIG = PropertyFilter(("total",), (Comparison(Operator.GREATER_OR_EQUAL, 100),))
ORDERED = EventMatcher((Call("track", "Ordered"),), (BIG,))
THANKS = Trigger("thanks", on=ORDERED)
NIGHT = QuietHours(7 * 60, 9 * 60)


def event(ago: int, name: str | None = "Ordered", zone: str = "", **properties: object) -> Event:
    at, context = NOW - ago, json.dumps({"timezone": zone} if zone else {})
    given = json.dumps(properties)
    if name is None:
        return Event("main", "web", f"identify-{ago}", "identify", None, at, None, at, (), "{}", given, context)
    return Event("main", "web", f"{name}-{ago}", "track", name, at, None, at, (), given, "{}", context)


def occasions(
    trigger: Trigger, *events: Event, fired: tuple[PublishedFiring, ...] = (), applied: int = LONG_AGO
) -> list[str]:
    program = compile_program(Definitions(triggers=(trigger,)))
    past = PastProfile("p", program, events, NOW, {"plan": "pro"})
    return [said(occasion) for occasion in explain_trigger(trigger, past, fired, applied).occasions]


def said(occasion: Occasion) -> str:
    return f"{occasion.event.message_id if occasion.event else occasion.at}: {occasion.outcome}"


def test_each_event_that_it_is_about_says_what_became_of_it() -> None:
    events = event(3, total=100), event(2, total=99), event(1, "Added", total=100), event(0, total=200)
    fired = (PublishedFiring(NOW, "Ordered-0"),)
    assert occasions(THANKS, *events, fired=fired, applied=NOW - 1) == [
        "Ordered-0: fired",
        "Ordered-3: came before the trigger was applied at 2027-01-15T07:59:59.999Z",
    ]


def test_a_condition_is_that_of_the_time_of_the_event() -> None:
    pro = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
    trigger = Trigger("thanks", on=ORDERED, when=pro)
    events = event(4, None, plan="free"), event(3, total=100), event(2, None, plan="pro"), event(1, total=100)
    assert occasions(trigger, *events, fired=(PublishedFiring(NOW - 1, "Ordered-1"),)) == [
        "Ordered-1: fired",
        "Ordered-3: its condition did not hold then",
    ]


@pytest.mark.parametrize(
    ("quiet", "zone", "fired", "outcome"),
    [
        (NIGHT, "", (), "waits for the end of quiet hours at 2027-01-15T09:00:00.000Z"),
        (QuietHours(7 * 60, 9 * 60, drops=True), "", (), "dropped: quiet hours until 2027-01-15T09:00:00.000Z"),
        (QuietHours(16 * 60, 18 * 60), "Asia/Shanghai", (), "nothing is published of it so far"),
        (
            QuietHours(15 * 60, 17 * 60),
            "Asia/Shanghai",
            (),
            "waits for the end of quiet hours at 2027-01-15T09:00:00.000Z",
        ),
        (
            QuietHours(7 * 60, 7 * 60 + 45),
            "",
            (NOW - HOUR // 4,),
            "fired at 2027-01-15T07:45:00.000Z, when quiet hours ended",
        ),
    ],
)
def test_quiet_hours_say_what_they_keep_back(
    quiet: QuietHours, zone: str, fired: tuple[int, ...], outcome: str
) -> None:
    trigger = Trigger("thanks", on=ORDERED, quiet_hours=quiet)
    ago = HOUR // 2
    firings = tuple(PublishedFiring(at, f"Ordered-{ago}") for at in fired)
    assert occasions(trigger, event(ago, zone=zone, total=100), fired=firings) == [f"Ordered-{ago}: {outcome}"]


def test_one_event_of_a_night_waits() -> None:
    waits = "waits for the end of quiet hours at 2027-01-15T09:00:00.000Z"
    events = event(2, total=100), event(1, total=100)
    assert occasions(Trigger("thanks", on=ORDERED, quiet_hours=NIGHT), *events) == [
        f"Ordered-1: one before it {waits}",
        f"Ordered-2: {waits}",
    ]


@pytest.mark.parametrize(
    ("trigger", "outcome"),
    [
        (Trigger("t", on=ORDERED, cool_down_ms=HOUR), "within 1h of its firing at 2027-01-15T07:59:59.990Z"),
        (Trigger("t", on=ORDERED, once="person"), "fires once for a person, and did at 2027-01-15T07:59:59.990Z"),
        (Trigger("t", on=ORDERED, once="session"), "fires once in a session, and did at 2027-01-15T07:59:59.990Z"),
    ],
)
def test_what_it_fired_before_keeps_it_silent(trigger: Trigger, outcome: str) -> None:
    firings = (PublishedFiring(NOW - 10, "Ordered-10"),)
    events = event(10, total=100), event(1, total=100)
    assert occasions(trigger, *events, fired=firings) == [f"Ordered-1: {outcome}", "Ordered-10: fired"]


def test_a_condition_that_begins_within_the_cool_down_waits_for_its_end() -> None:
    trigger = Trigger("buyer", when=EventCount(ORDERED, Window()), cool_down_ms=HOUR)
    order, near = event(10, total=100), PublishedFiring(NOW - HOUR // 2, "Ordered")
    within = f"within 1h of its firing at {text_of(near.fired_at)}"
    assert occasions(trigger, order, fired=(near,)) == [
        f"{text_of(NOW - 10)}: {within}; waits until {text_of(NOW + HOUR // 2)}"
    ]
    at_night = msgspec.structs.replace(trigger, quiet_hours=QuietHours(8 * 60 + 15, 9 * 60))
    assert occasions(at_night, order, fired=(near,)) == [
        f"{text_of(NOW - 10)}: {within}; waits for the end of quiet hours at 2027-01-15T09:00:00.000Z"
    ]


def test_a_condition_that_held_already_does_not_fire() -> None:
    trigger = Trigger("buyer", when=EventCount(ORDERED, Window()))
    order = event(HOUR, total=100)
    held = "held already when the trigger was applied at 2027-01-15T07:30:00.000Z: it has to begin to hold"
    assert occasions(trigger, order, applied=NOW - HOUR // 2) == [f"{text_of(NOW - HOUR)}: {held}"]
    assert occasions(trigger, order) == [f"{text_of(NOW - HOUR)}: nothing is published of it so far"]
    fired = (PublishedFiring(NOW - HOUR, "Ordered"),)
    assert occasions(trigger, order, fired=fired) == [f"{text_of(NOW - HOUR)}: fired at {text_of(NOW - HOUR)}"]
    assert occasions(trigger, event(1, total=1)) == []


def test_a_condition_that_has_held_for_many_events_fired_when_it_began() -> None:
    trigger = Trigger("buyer", when=EventCount(ORDERED, Window()))
    orders = [event(ago, total=100) for ago in range(LOOKED_BACK + 20, 0, -1)]
    since = text_of(NOW - LOOKED_BACK)
    fired = (PublishedFiring(NOW - LOOKED_BACK - 20, "Ordered"), PublishedFiring(LONG_AGO, "Ordered"))
    assert occasions(trigger, *orders, fired=fired) == [
        f"{since}: or longer; it fired last at {text_of(NOW - LOOKED_BACK - 20)}"
    ]
    (unknown,) = occasions(trigger, *orders)
    assert "or longer" in unknown
    (held,) = occasions(trigger, *orders, applied=NOW)
    assert "held already" in held
    assert occasions(trigger, *orders[-LOOKED_BACK:]) == [f"{since}: nothing is published of it so far"]


def test_a_condition_begins_to_hold_by_time_as_well() -> None:
    """The cart is left since an hour after the adding; what was sent since changes nothing."""
    added = EventMatcher((Call("track", "Added"),))
    trigger = Trigger("left", when=Not(EventCount(added, Window(HOUR))), quiet_hours=NIGHT)
    began_at = NOW - HOUR // 2
    events = event(HOUR * 3 // 2, "Added"), event(HOUR // 4, "Viewed")
    waits = "waits for the end of quiet hours at 2027-01-15T09:00:00.000Z"
    assert occasions(trigger, *events) == [f"{text_of(began_at)}: {waits}"]


def test_it_says_when_it_fires_and_what_limits_it() -> None:
    trigger = Trigger(
        "t", ORDERED, EventCount(ORDERED, Window()), HOUR, "session", QuietHours(22 * 60, 450, "Asia/Tokyo", True)
    )
    past = PastProfile("p", compile_program(Definitions(triggers=(trigger,))), (), NOW, {})
    explained = explain_trigger(trigger, past, (), NOW)
    assert explained.says == "for each Ordered where total >= 100, while its condition holds"
    assert explained.limits == (
        "once in a session",
        "not within 1h of a firing",
        "dropped in quiet hours, 22:00 to 07:30 of the person's day (else of Asia/Tokyo)",
    )


def test_what_a_payload_lacks_is_explained() -> None:
    texts = {
        "genres": "{{ event.properties.items | uniq | size }}",
        "share": "{{ 1 | divided_by: profile.traits.orders }}",
        "segments": "{{ profile.segments | first }}",
        "fine": "x",
    }
    trigger = Trigger("thanks", on=ORDERED, payload=tuple(texts.items()))
    order = event(0, total=100, items=list(range(1_001)))
    past = PastProfile("p", compile_program(Definitions(triggers=(trigger,))), (order,), NOW, {"orders": 0})
    assert missing_texts(trigger, {"fine": "x"}, order, past) == {
        "genres": "a list of more than 1,000 members",
        "share": "divided_by: can't divide by 0",
        "segments": "its template failed on what was known then",
    }
    assert missing_texts(trigger, dict.fromkeys(texts, ""), order, past) == {}
