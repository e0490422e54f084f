"""What each form of the notation says, as the model."""

from pathlib import Path

import pytest

from definitions import Definitions, load
from definitions.destinations import Checks, Destination
from definitions.model import (
    AcrossTrigger,
    Aggregate,
    AggregateComparison,
    AllOf,
    AnyOf,
    Call,
    Case,
    Comparison,
    Condition,
    EventCount,
    EventMatcher,
    Field,
    Function,
    InSegment,
    Literally,
    Measure,
    Mining,
    Not,
    Operator,
    PropertyFilter,
    Rule,
    Sample,
    Sequence,
    SessionComparison,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    TraitValue,
    Trigger,
    Usual,
    Window,
)
from definitions.quiet_hours import QuietHours
from tests.definitions.folders import load_segment, write

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BUY = EventMatcher((Call("track", "Buy"),))
ADD = EventMatcher((Call("track", "Add"),))
SESSIONS = EventMatcher(sessions=True)
IS_THERE = Comparison(Operator.EXISTS, True)
IS_PRO = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))


def compared(operator: Operator, operand: str | float | tuple[str | int, ...]) -> TraitComparison:
    return TraitComparison(("x",), (Comparison(operator, operand),))


CONDITIONS: list[tuple[str, Condition]] = [
    ("{event: Buy, within: 1d}", EventCount(BUY, Window(DAY))),
    (
        "{event: [Buy, Add], within: 1d}",
        EventCount(EventMatcher((Call("track", "Buy"), Call("track", "Add"))), Window(DAY)),
    ),
    ("{page: '*', within: 1d}", EventCount(EventMatcher((Call("page"),)), Window(DAY))),
    ("{type: any, within: 1d}", EventCount(EventMatcher(), Window(DAY))),
    (
        "{type: [page, screen], within: 1d}",
        EventCount(EventMatcher((Call("page"), Call("screen"))), Window(DAY)),
    ),
    (
        "{events: [{event: Buy}, {screen: Bought}, {type: group}], within: 1d}",
        EventCount(EventMatcher((Call("track", "Buy"), Call("screen", "Bought"), Call("group"))), Window(DAY)),
    ),
    ("{event: Buy, within: session}", EventCount(BUY, Window(session=True))),
    ("{event: Buy, within: ever}", EventCount(BUY, Window())),
    ("{event: Buy, within: [session, 5m]}", EventCount(BUY, Window(5 * MINUTE, session=True))),
    ("{event: Buy, within: [5m, session]}", EventCount(BUY, Window(5 * MINUTE, session=True))),
    ("{event: Buy, within: 1d, at_least: 3}", EventCount(BUY, Window(DAY), 3)),
    ("{event: Buy, within: 1d, at_most: 2}", EventCount(BUY, Window(DAY), None, 2)),
    ("{event: Buy, within: 1d, at_least: 1, at_most: 2}", EventCount(BUY, Window(DAY), 1, 2)),
    ("{event: Buy, within: 1d, exactly: 2}", EventCount(BUY, Window(DAY), 2, 2)),
    ("{event: Buy, within: 1d, exactly: 0}", EventCount(BUY, Window(DAY), None, 0)),
    ("{event: Buy, within: 1d, same: sku}", EventCount(BUY, Window(DAY), same=Field(("sku",)))),
    (
        "{event: Buy, within: 1d, same: {context: page.path}}",
        EventCount(BUY, Window(DAY), same=Field(("page", "path"), "context")),
    ),
    (
        "{event: Buy, within: 1d, where: {total: {greater_than: 5}}, context: {locale: zh}, traits: {plan: pro}}",
        EventCount(
            EventMatcher(
                BUY.calls,
                (
                    PropertyFilter(("total",), (Comparison(Operator.GREATER_THAN, 5),)),
                    PropertyFilter(("locale",), (Comparison(Operator.EQUALS, "zh"),), "context"),
                    PropertyFilter(("plan",), (Comparison(Operator.EQUALS, "pro"),), "traits"),
                ),
            ),
            Window(DAY),
        ),
    ),
    (
        r"{event: Buy, within: 1d, where: {utm\.source: google}, context: {'page\.a.b': 1}, same: a\\.b\.c}",
        EventCount(
            EventMatcher(
                BUY.calls,
                (
                    PropertyFilter(("utm.source",), (Comparison(Operator.EQUALS, "google"),)),
                    PropertyFilter(("page.a", "b"), (Comparison(Operator.EQUALS, 1),), "context"),
                ),
            ),
            Window(DAY),
            same=Field(("a\\", "b.c")),
        ),
    ),
    ("{sessions: any, at_least: 3, within: 7d}", EventCount(SESSIONS, Window(7 * DAY), 3)),
    ("{sessions: any, exactly: 0, within: 30d}", EventCount(SESSIONS, Window(30 * DAY), None, 0)),
    ("{sessions: any, at_least: 10, within: ever}", EventCount(SESSIONS, Window(), 10)),
    (
        "{sessions: any, last_at: true, within: ever, longer_ago_than: 30d}",
        AggregateComparison(Aggregate(SESSIONS, Measure.LAST_AT), (Comparison(Operator.LONGER_AGO_THAN, 30 * DAY),)),
    ),
    (
        "{event: Buy, sum: total, within: 30d, greater_than: 100}",
        AggregateComparison(
            Aggregate(BUY, Measure.SUM, Field(("total",)), Window(30 * DAY)), (Comparison(Operator.GREATER_THAN, 100),)
        ),
    ),
    (
        "{event: Buy, last_at: true, within: ever, longer_ago_than: 30d}",
        AggregateComparison(Aggregate(BUY, Measure.LAST_AT), (Comparison(Operator.LONGER_AGO_THAN, 30 * DAY),)),
    ),
    (
        "{event: Buy, count: coupon, within: session, equals: 2}",
        AggregateComparison(
            Aggregate(BUY, Measure.COUNT, Field(("coupon",)), Window(session=True)), (Comparison(Operator.EQUALS, 2),)
        ),
    ),
    (
        "{sequence: [{event: Add}, {event: Buy, within: 1h}], within: 7d}",
        Sequence((Step(ADD), Step(BUY, HOUR)), 7 * DAY),
    ),
    (
        "{sequence: [{event: Add}, {event: Buy, within: ever, without: {type: page}}], within: 7d, at_least: 2}",
        Sequence((Step(ADD), Step(BUY, None, EventMatcher((Call("page"),)))), 7 * DAY, at_least=2),
    ),
    (
        "{sequence: [{event: Add}, {event: Buy, within: 1h}], within: 7d, same: {context: page.path}}",
        Sequence((Step(ADD), Step(BUY, HOUR)), 7 * DAY, same=Field(("page", "path"), "context")),
    ),
    (
        "{sequence: [{event: Add}, {not: {event: Buy}, within: 1d}], within: 7d}",
        Sequence((Step(ADD), Step(BUY, DAY, absent=True)), 7 * DAY),
    ),
    (
        "{sequence: [{event: Add, times: 3, within: 5m, without: {event: Buy}}], within: 7d}",
        Sequence((Step(ADD), Step(ADD, 5 * MINUTE, BUY), Step(ADD, 5 * MINUTE, BUY)), 7 * DAY),
    ),
    (
        "{sequence: [{event: Add}, {event: Buy, times: 2, within: 5m}], within: 7d}",
        Sequence((Step(ADD), Step(BUY, 5 * MINUTE), Step(BUY, 5 * MINUTE)), 7 * DAY),
    ),
    ("{trait: plan, equals: pro}", IS_PRO),
    ("{trait: address.city, exists: true}", TraitComparison(("address", "city"), (IS_THERE,))),
    (r"{trait: address\.city.x, exists: true}", TraitComparison(("address.city", "x"), (IS_THERE,))),
    ("{trait: x, contains_any: [a, 1]}", compared(Operator.CONTAINS_ANY, ("a", 1))),
    ("{trait: x, before: 2026-01-31}", compared(Operator.BEFORE, 1_769_817_600_000)),
    ("{trait: x, after: 2026-01-31T08:00:00.005+08:00}", compared(Operator.AFTER, 1_769_817_600_005)),
    ('{trait: x, after: "2026-01-31 00:00"}', compared(Operator.AFTER, 1_769_817_600_000)),
    ("{trait: x, before: 1969-12-31T23:59:59.999Z}", compared(Operator.BEFORE, -1)),
    ("{trait: x, within_last: 1d}", compared(Operator.WITHIN_LAST, DAY)),
    ("{trait: x, longer_ago_than: 30d}", compared(Operator.LONGER_AGO_THAN, 30 * DAY)),
    ("{trait: x, within_next: 1w}", compared(Operator.WITHIN_NEXT, 7 * DAY)),
    ("{trait: x, equals: 2026-01-31}", compared(Operator.EQUALS, "2026-01-31")),
    (
        "{session: last, source: google}",
        SessionComparison("last", "source", (Comparison(Operator.EQUALS, "google"),)),
    ),
    (
        "{session: first, medium: {in: [cpc, ppc]}, country: CN}",
        AllOf(
            (
                SessionComparison("first", "medium", (Comparison(Operator.IN, ("cpc", "ppc")),)),
                SessionComparison("first", "country", (Comparison(Operator.EQUALS, "CN"),)),
            )
        ),
    ),
    ("{segment: other}", InSegment("other")),
    ("{sample: 10%, salt: summer}", Sample(100, "summer")),
    ("{sample: 0.5%, salt: summer}", Sample(5, "summer")),
    ("{not: {trait: plan, equals: pro}}", Not(IS_PRO)),
    ("{all: [{trait: plan, equals: pro}, {segment: other}]}", AllOf((IS_PRO, InSegment("other")))),
    ("{any: [{trait: plan, equals: pro}, {segment: other}]}", AnyOf((IS_PRO, InSegment("other")))),
]


@pytest.mark.parametrize(("text", "condition"), CONDITIONS)
def test_a_condition_says(tmp_path: Path, text: str, condition: Condition) -> None:
    write(tmp_path, {"segments/other.yaml": "segment: other\nwhen: {trait: a, exists: true}"})
    segment = next(each for each in load_segment(tmp_path, f"segment: s\nwhen: {text}").segments if each.name == "s")
    assert segment.when == condition


SPENT = Aggregate(BUY, Measure.SUM, Field(("total",)))


def sent(measure: Measure, *path: str) -> Statistical:
    return Statistical(Aggregate(EventMatcher((Call("identify"),)), measure, Field(path, "traits")))


TRAITS: list[tuple[str, Trait]] = [
    ("trait: city\nmerge: first", Trait("city", sent(Measure.FIRST, "city"), "city")),
    ("trait: c\nmerge: latest\nattribute: address.city", Trait("c", sent(Measure.LAST, "address", "city"), "c")),
    ("trait: c\nmerge: latest\nattribute: utm\\.source", Trait("c", sent(Measure.LAST, "utm.source"), "c")),
    ("trait: c\nmerge: most_frequent", Trait("c", sent(Measure.MOST_FREQUENT, "c"), "c")),
    ("trait: c\nmerge: max", Trait("c", sent(Measure.MAX, "c"), "c")),
    ("trait: c\nmerge: min", Trait("c", sent(Measure.MIN, "c"), "c")),
    ("trait: c\nmerge: union", Trait("c", sent(Measure.UNION, "c"), "c")),
    (
        "trait: spent\ntitle: Spent\nstatistical: {event: Buy, sum: total, within: ever}",
        Trait("spent", Statistical(SPENT), "Spent"),
    ),
    (
        "trait: visits\nstatistical: {page: '*', count: true, within: session}\nkind: device\nworkspaces: [b, a]",
        Trait(
            "visits",
            Statistical(Aggregate(EventMatcher((Call("page"),)), Measure.COUNT, None, Window(session=True))),
            "visits",
            workspaces=("a", "b"),
            kind="device",
        ),
    ),
    (
        "trait: visits\nstatistical: {sessions: any, count: true, within: 30d}",
        Trait("visits", Statistical(Aggregate(SESSIONS, Measure.COUNT, None, Window(30 * DAY))), "visits"),
    ),
    (
        "trait: level\ncases:\n- {when: {trait: plan, equals: pro}, then: gold}\notherwise: none",
        Trait("level", Rule((Case(IS_PRO, Literally("gold")),), Literally("none")), "level"),
    ),
    (
        "trait: level\ncases:\n- {when: {trait: plan, equals: pro}, value: a * 2}\n- {when: {trait: plan, equals: x}, "
        "then: {value: a}}\notherwise: {value: b}",
        Trait(
            "level",
            Rule(
                (
                    Case(IS_PRO, Function("multiply", (TraitValue(("a",)), Literally(2)))),
                    Case(TraitComparison(("plan",), (Comparison(Operator.EQUALS, "x"),)), TraitValue(("a",))),
                ),
                TraitValue(("b",)),
            ),
            "level",
        ),
    ),
    (
        "trait: score\nevery: 1h\nquery: SELECT profile_id, score AS value FROM scores",
        Trait("score", Mining("SELECT profile_id, score AS value FROM scores", HOUR), "score"),
    ),
]


@pytest.mark.parametrize(("text", "trait"), TRAITS)
def test_a_trait_says(tmp_path: Path, text: str, trait: Trait) -> None:
    assert load(write(tmp_path, {"traits/t.yaml": text})).traits == (trait,)


TRIGGERS: list[tuple[str, Trigger]] = [
    ("trigger: t\non: {event: Buy}", Trigger("t", BUY, title="t")),
    ("trigger: t\nwhen: {trait: plan, equals: pro}", Trigger("t", when=IS_PRO, title="t")),
    (
        """\
trigger: Bought something
title: Bought
on: {event: Buy, where: {total: 5}}
when: {trait: plan, equals: pro}
cool_down: 1d
once: session
quiet_hours: {from: "22:00", to: 8:30, zone: Asia/Shanghai, otherwise: drop}
payload: "Thank you for {{ event.properties.title }}"
destinations: [mail]
workspaces: [main]
kind: device
""",
        Trigger(
            "Bought something",
            EventMatcher(BUY.calls, (PropertyFilter(("total",), (Comparison(Operator.EQUALS, 5),)),)),
            IS_PRO,
            DAY,
            "session",
            QuietHours(22 * 60, 8 * 60 + 30, "Asia/Shanghai", drops=True),
            (("text", "Thank you for {{ event.properties.title }}"),),
            "Bought",
            workspaces=("main",),
            destinations=("mail",),
            kind="device",
        ),
    ),
    (
        "trigger: t\non: {event: Buy}\nonce: person\nquiet_hours: {from: '0:00', to: '06:00'}\n"
        "payload: {to: '{{ profile.id }}', number: 1, vip: true}",
        Trigger(
            "t",
            BUY,
            once="person",
            quiet_hours=QuietHours(0, 360),
            payload=(("to", "{{ profile.id }}"), ("number", "1"), ("vip", "true")),
            title="t",
        ),
    ),
]


@pytest.mark.parametrize(("text", "trigger"), TRIGGERS)
def test_a_trigger_says(tmp_path: Path, text: str, trigger: Trigger) -> None:
    files = {"triggers/t.yaml": text, "destinations/mail.yaml": "destination: mail"}
    assert load(write(tmp_path, files)).triggers == (trigger,)


ACROSS: list[tuple[str, AcrossTrigger]] = [
    (
        "trigger: t\nacross: {event: Buy, within: 5m, at_least: 20}",
        AcrossTrigger("t", BUY, 300_000, 20, title="t"),
    ),
    (
        """\
trigger: view_spike
title: Views
across:
  event: Buy
  where: {total: 5}
  same: {context: page.path}
  within: 10m
  at_least: 50
  exceeds: {times: 2.5, usual_of: 7d}
  counts: people
cool_down: 6h
payload: "{{ across.value }}: {{ across.number }} instead of {{ across.usual }} at {{ trigger.fired_at }}"
destinations: [mail]
workspaces: [main]
""",
        AcrossTrigger(
            "view_spike",
            EventMatcher(BUY.calls, (PropertyFilter(("total",), (Comparison(Operator.EQUALS, 5),)),)),
            600_000,
            50,
            Field(("page", "path"), "context"),
            Usual(2.5, 7 * DAY),
            "people",
            6 * HOUR,
            (
                (
                    "text",
                    "{{ across.value }}: {{ across.number }} instead of {{ across.usual }} at {{ trigger.fired_at }}",
                ),
            ),
            "Views",
            workspaces=("main",),
            destinations=("mail",),
        ),
    ),
]


@pytest.mark.parametrize(("text", "trigger"), ACROSS)
def test_a_trigger_across_persons_says(tmp_path: Path, text: str, trigger: AcrossTrigger) -> None:
    files = {"triggers/t.yaml": text, "destinations/mail.yaml": "destination: mail"}
    loaded = load(write(tmp_path, files))
    assert (loaded.across, loaded.triggers) == ((trigger,), ())


def test_a_destination_says(tmp_path: Path) -> None:
    text = "destination: mail\ntitle: Mail\ntraits: [spent, plan]\nnot_older_than: 1h\ncoalesce: true"
    destination = Destination(
        "mail", "Mail", traits=("spent", "plan"), checks=Checks(not_older_than_ms=HOUR), coalesces=True
    )
    assert load(write(tmp_path, {"destinations/mail.yaml": text})).destinations == (destination,)


def test_everything_is_in_the_order_of_names(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": "- {trait: b, merge: first}\n- {trait: a, merge: first}",
        "triggers/t.yaml": "- {trigger: d, on: {event: Buy}}\n- {trigger: c, on: {event: Buy}}",
    }
    loaded: Definitions = load(write(tmp_path, files))
    assert [trait.name for trait in loaded.traits] == ["a", "b"]
    assert [trigger.name for trigger in loaded.triggers] == ["c", "d"]
