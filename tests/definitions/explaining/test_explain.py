"""An explanation says of each part what it sees, which events count, and until when it lasts, as the streams would."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import compile_program
from definitions.consent import ConsentRules, Purpose
from definitions.explaining.completions import completions
from definitions.explaining.explain import Explained, ReadTrait, explain_condition, explain_sent, explain_trait
from definitions.explaining.past import PastProfile
from definitions.explaining.statements import PastStatement
from definitions.explaining.wording import aggregate_in_words, in_words
from definitions.model import (
    Aggregate,
    AggregateComparison,
    AllOf,
    AnyOf,
    Call,
    Case,
    Comparison,
    Condition,
    ConsentComparison,
    Definitions,
    EventCount,
    EventMatcher,
    Field,
    Function,
    InSegment,
    Literally,
    Measure,
    Not,
    Operator,
    PropertyFilter,
    Rule,
    Sample,
    Segment,
    Sequence,
    SessionComparison,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    TraitValue,
    Window,
)
from definitions.plan import leaves
from definitions.streaming.times import text_of
from schemas.consent import ConsentStatement
from schemas.records import Event
from tests.definitions.costs import calls_of
from tests.definitions.generated import PRIORITIES, Generator
from tests.definitions.naive.lives import Life
from tests.definitions.naive.sequences import completions_in_window
from tests.definitions.streaming.subjects import event_of

HOUR = 3_600_000
NOW = 1_800_000_000_000
ORDERED, ADDED = EventMatcher((Call("track", "Ordered"),)), EventMatcher((Call("track", "Added"),))
SESSIONS = EventMatcher(sessions=True)
TOTAL = Field(("total",))
BIG = Comparison(Operator.GREATER_OR_EQUAL, 100)


def event(ago: int, name: str = "Ordered", **properties: object) -> Event:
    at = NOW - ago
    return Event("main", "web", f"{name}-{ago}", "track", name, at, None, at, (), json.dumps(properties), "{}", "{}")


def identify(ago: int, **traits: object) -> Event:
    at = NOW - ago
    return Event("main", "web", f"identify-{ago}", "identify", None, at, None, at, (), "{}", json.dumps(traits), "{}")


def past(*events: Event, definitions: Definitions | None = None, **sent: object) -> PastProfile:
    return PastProfile("p", compile_program(definitions or Definitions()), events, NOW, sent)


def explain(condition: Condition, *events: Event, **sent: object) -> Explained:
    defined = Definitions((Segment("s", condition),))
    return explain_condition(condition, past(*events, definitions=defined, **sent))


def test_a_count_shows_what_counts_and_when_it_lapses() -> None:
    explained = explain(EventCount(ORDERED, Window(2 * HOUR), 2), event(3 * HOUR), event(HOUR), event(1))
    assert (explained.says, explained.holds, explained.value) == ("at least 2 Ordered within 2h", True, 2)
    assert [shown.message_id for shown in explained.events] == ["Ordered-1", f"Ordered-{HOUR}"]
    assert explained.until == "2027-01-15T09:00:00.000Z"


def test_of_many_events_the_newest_are_shown() -> None:
    explained = explain(EventCount(ORDERED, Window(), 1), *(event(ago) for ago in range(1, 31)))
    assert (len(explained.events), explained.counted) == (10, 30)
    assert explained.events[0].message_id == "Ordered-1"


def test_a_count_of_sessions_shows_the_events_that_begin_them() -> None:
    half = HOUR // 2
    explained = explain(EventCount(SESSIONS, Window(2 * HOUR), 2), event(2 * HOUR), *map(event, (half, half - 1, 0)))
    assert (explained.holds, explained.value) == (False, 1)
    explained = explain(EventCount(SESSIONS, Window(2 * HOUR), 2), event(HOUR), *map(event, (half, half - 1, 0)))
    assert (explained.holds, explained.value, explained.until) == (True, 2, "2027-01-15T09:00:00.000Z")
    assert [shown.message_id for shown in explained.events] == [f"Ordered-{half}", f"Ordered-{HOUR}"]


def test_an_aggregate_shows_its_value_and_that_of_each_event() -> None:
    condition = AggregateComparison(Aggregate(ORDERED, Measure.SUM, TOTAL, Window(HOUR)), (BIG,))
    explained = explain(condition, event(2, total=60.5), event(1, total=40), event(3, total="50"))
    assert (explained.holds, explained.value, explained.counted) == (True, 100.5, 2)
    assert [shown.value for shown in explained.events] == [40, 60.5]


def test_each_part_of_a_combination_is_explained() -> None:
    explained = explain(
        AllOf((EventCount(ADDED, Window(HOUR)), Not(EventCount(ORDERED, Window(HOUR))))), event(1, "Added")
    )
    added, not_ordered = explained.parts
    assert (explained.holds, added.holds, not_ordered.holds, not_ordered.parts[0].holds) == (True, True, True, False)


def test_a_rule_is_explained_down_to_the_case_that_holds() -> None:
    spent = Trait("spent", Statistical(Aggregate(ORDERED, Measure.SUM, TOTAL)))
    gold = Case(TraitComparison(("spent",), (BIG,)), Literally("gold"))
    silver = Case(TraitComparison(("spent",), (Comparison(Operator.GREATER_THAN, 0),)), Literally("silver"))
    level = Trait("level", Rule((gold, silver), Literally("basic")))
    one = past(event(1, total=60), definitions=Definitions(traits=(spent, level)))
    explained = explain_trait(level, one)
    assert explained.value == "silver"
    assert [(part.holds, part.value) for part in explained.parts] == [(False, 60), (True, 60)]
    assert explain_trait(spent, one).counted == 1


def test_a_union_shows_what_each_event_adds() -> None:
    tags = Trait(
        "tags", Statistical(Aggregate(EventMatcher((Call("identify"),)), Measure.UNION, Field(("tags",), "traits")))
    )
    sent = [identify(2, tags=["b", "a"]), identify(1, tags="c")]
    explained = explain_trait(tags, past(*sent, definitions=Definitions(traits=(tags,))))
    assert (explained.says, explained.value) == ("union traits.tags of identify call", ["a", "b", "c"])
    assert [shown.value for shown in explained.events] == [("c",), ("a", "b")]


@pytest.mark.parametrize(
    ("at_least", "at_most", "same", "agos"),
    [(3, None, "a", [1, 4]), (2, None, "a", [1, 4]), (1, 1, "b", [2]), (4, None, "a", [1, 4])],
)
def test_a_count_of_equal_values_shows_the_value_that_makes_it_hold_or_comes_nearest(
    at_least: int, at_most: int | None, same: str, agos: list[int]
) -> None:
    count = EventCount(ORDERED, Window(HOUR), at_least, at_most, Field(("item",)))
    events = [event(1, item="a"), event(2, item="b"), event(4, item="a"), event(3), event(2 * HOUR, item="b")]
    explained = explain(count, *events)
    assert (explained.holds, explained.value, explained.same) == (at_least < 3, len(agos), same)
    assert [(shown.occurred_at, shown.value) for shown in explained.events] == [
        (text_of(NOW - ago), same) for ago in agos
    ]


def test_a_count_of_equal_values_without_any_shows_none() -> None:
    explained = explain(EventCount(ORDERED, Window(HOUR), 1, None, Field(("item",))), event(1))
    assert (explained.holds, explained.value, explained.same, explained.events) == (False, 0, None, ())


def test_a_sequence_shows_the_events_that_completed_it_or_those_of_its_steps() -> None:
    sequence = Sequence((Step(ADDED), Step(ORDERED, HOUR)), 24 * HOUR, same=Field(("item",)))
    later = [event(ago, "Added", item="c") for ago in range(30, 0, -1)]
    explained = explain(sequence, event(50, "Added", item="a"), event(40, item="a"), event(39, item="b"), *later)
    assert (explained.holds, explained.value, explained.counted) == (True, 1, 2)
    assert [shown.message_id for shown in explained.events] == ["Ordered-40", "Added-50"]

    other = explain(sequence, event(3, "Added", item="a"), event(2, item="b"))
    assert (other.holds, other.value) == (False, 0)
    assert [shown.event for shown in other.events] == ["Ordered", "Added"]


def test_a_sequence_without_an_answer_shows_what_was_not_answered() -> None:
    left = Sequence((Step(ADDED), Step(ORDERED, HOUR, absent=True)), 24 * HOUR)
    explained = explain(left, event(2 * HOUR, "Added"), event(10, "Added"), event(9))
    assert (explained.holds, explained.value) == (True, 1)
    assert [shown.message_id for shown in explained.events] == [f"Added-{2 * HOUR}"]


@given(st.randoms(use_true_random=False))
def test_a_sequence_is_completed_as_often_as_a_plain_evaluation_says(random: Random) -> None:
    generator = Generator(random)
    defined = generator.definitions(6)
    events = [*{each.message_id: each for each in generator.history()}.values()]
    now = max(each.at for each in events)
    life = Life(events, defined, "p", PRIORITIES)
    known = PastProfile("p", compile_program(defined), [event_of(each) for each in events], now, {})
    for segment in defined.segments:
        for leaf in leaves(segment.when):
            if isinstance(leaf, Sequence):
                assert len(completions(leaf, known)) == completions_in_window(leaf, life, now)


def test_traits_that_were_sent_and_facts_that_are_missing() -> None:
    city = TraitComparison(("address", "city"), (Comparison(Operator.EQUALS, "北京"),))
    assert explain(city, event(1), address={"city": "北京"}).value == "北京"
    source = SessionComparison("last", "source", (Comparison(Operator.EXISTS, False),))
    assert explain(source, event(1)).holds


def test_conditions_in_words() -> None:
    paid = PropertyFilter(("currency",), (Comparison(Operator.IN, ("EUR", "USD")),))
    words = {
        in_words(
            EventCount(EventMatcher((Call("page", "Cart"), Call("track", "X")), (paid,)), Window(90_000), None, 0)
        ),
        in_words(SessionComparison("first", "campaign", (Comparison(Operator.STARTS_WITH, "sale"),))),
        in_words(TraitComparison(("last",), (Comparison(Operator.LONGER_AGO_THAN, 30 * 24 * HOUR),))),
        in_words(TraitComparison(("born",), (Comparison(Operator.BEFORE, 0),))),
        in_words(InSegment("vip")),
        in_words(Sample(100, "holdout")),
        aggregate_in_words(Aggregate(EventMatcher(), Measure.COUNT, None, Window(session=True))),
        in_words(EventCount(SESSIONS, Window(7 * 24 * HOUR), 3)),
        aggregate_in_words(Aggregate(SESSIONS, Measure.LAST_AT)),
    }
    assert words == {
        'no page Cart or X where currency is one of "EUR", "USD" within 90s',
        'campaign of the first session starts with "sale"',
        "trait last lies longer ago than 30d",
        "trait born lies before 1970-01-01T00:00:00.000Z",
        "in segment vip",
        "in the 10 % sample 'holdout'",
        "number of events of any kind in the current session",
        "at least 3 sessions within 1w",
        "beginning of the last session",
    }


@given(agos=st.lists(st.integers(0, 5), max_size=6), least=st.integers(1, 4), within=st.integers(1, 5))
def test_what_is_explained_is_what_is_so(agos: list[int], least: int, within: int) -> None:
    events = [event(ago) for ago in set(agos)]
    explained = explain(EventCount(ORDERED, Window(within), least), *events)
    inside = [each for each in events if NOW - within < each.occurred_at <= NOW]
    assert (explained.holds, explained.counted) == (len(inside) >= least, len(inside))


def test_explaining_one_definition_costs_what_it_reads_and_not_what_else_is_defined() -> None:
    wanted = Segment("wanted", AllOf((EventCount(ORDERED, Window(HOUR)), InSegment("read"))))
    read = Segment("read", EventCount(ADDED, Window(HOUR)))
    others = tuple(Segment(f"s{n}", EventCount(_where_total(n), Window(HOUR))) for n in range(50))
    events = [event(ago, name) for ago in range(1, 40) for name in ("Ordered", "Added")]

    def cost(*segments: Segment) -> int:
        program = compile_program(Definitions(segments))
        assert program.segments
        return calls_of(lambda: explain_condition(wanted.when, PastProfile("p", program, events, NOW, {})))

    assert cost(wanted, read, *others) < 2 * cost(wanted, read)


def _where_total(total: int) -> EventMatcher:
    return EventMatcher(ORDERED.calls, (PropertyFilter(("total",), (Comparison(Operator.EQUALS, total),)),))


def test_a_long_chain_of_segments_is_explained() -> None:
    chain = [Segment("s0", EventCount(ORDERED, Window(HOUR)))]
    chain += [Segment(f"s{n}", InSegment(f"s{n - 1}")) for n in range(1, 3_000)]
    known = past(event(1), definitions=Definitions(tuple(chain)))
    assert explain_condition(InSegment("s2999"), known).holds


def test_an_answer_of_several_parts_lasts_until_it_changes_itself() -> None:
    """Of an abandoned cart the adding is over soon, and the checkout longer ago: neither makes the answer another."""
    abandoned = AllOf((EventCount(ADDED, Window(HOUR)), Not(EventCount(ORDERED, Window(24 * HOUR)))))
    explained = explain(abandoned, event(HOUR // 2, "Added"), event(1))
    added, not_ordered = explained.parts
    assert (explained.holds, explained.until) == (False, None)
    assert (added.until, not_ordered.until) == ("2027-01-15T08:30:00.000Z", "2027-01-16T07:59:59.999Z")


def test_an_answer_lasts_as_long_as_what_it_reads() -> None:
    """By a membership, a trait that counts days, and a trait of a window: each changes by time alone."""
    last = Trait("last", Statistical(Aggregate(ORDERED, Measure.LAST_AT)))
    days = Trait("days", Rule(otherwise=Function("days_since", (TraitValue(("last",)),))))
    orders = Trait("orders", Statistical(Aggregate(ORDERED, Measure.COUNT, None, Window(2 * HOUR))))
    fresh = Segment("fresh", EventCount(ORDERED, Window(HOUR)))
    subject = past(event(0), definitions=Definitions((fresh,), traits=(last, days, orders)))

    def until(condition: Condition) -> tuple[bool, str | None]:
        explained = explain_condition(condition, subject)
        return explained.holds, explained.until

    assert until(InSegment("fresh")) == (True, "2027-01-15T09:00:00.000Z")
    assert until(Not(InSegment("fresh"))) == (False, "2027-01-15T09:00:00.000Z")
    assert until(TraitComparison(("orders",), (Comparison(Operator.EQUALS, 1),))) == (True, "2027-01-15T10:00:00.000Z")
    idle = TraitComparison(("days",), (Comparison(Operator.GREATER_THAN, 30),))
    assert until(idle) == (False, "2027-02-15T08:00:00.000Z")
    assert explain_trait(days, subject).until == "2027-01-16T08:00:00.000Z"
    ever = explain_condition(TraitComparison(("days",), (Comparison(Operator.GREATER_THAN, 10_000),)), subject)
    assert (ever.holds, ever.until, ever.at_least) == (False, "2028-02-20T08:00:00.000Z", True)


@given(
    agos=st.lists(st.tuples(st.sampled_from(["Ordered", "Added"]), st.integers(0, 6)), max_size=5),
    windows=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    decided_by=st.booleans(),
    negates=st.booleans(),
)
def test_until_is_when_the_answer_changes(
    agos: list[tuple[str, int]], windows: tuple[int, int], decided_by: bool, negates: bool
) -> None:
    events = [event(ago, name) for name, ago in set(agos)]
    ordered, added = EventCount(ORDERED, Window(windows[0])), EventCount(ADDED, Window(windows[1]), None, 0)
    parts = (ordered, Not(added) if negates else added)
    condition: Condition = AnyOf(parts) if decided_by else AllOf(parts)
    subject = past(*events, definitions=Definitions((Segment("s", condition),)))
    answers = [explain_condition(condition, subject.later(NOW + after)).holds for after in range(12)]
    changed = next((after for after, holds in enumerate(answers) if holds is not answers[0]), None)
    assert explain_condition(condition, subject).until == (None if changed is None else text_of(NOW + changed))


def test_a_calculated_trait_shows_its_expression_and_what_that_reads() -> None:
    spent = Trait("spent", Statistical(Aggregate(ORDERED, Measure.SUM, TOTAL)))
    orders = Trait("orders", Statistical(Aggregate(ORDERED, Measure.COUNT)))
    per_order = Function("divide", (TraitValue(("spent",)), TraitValue(("orders",))))
    defined = (spent, orders, Trait("per_order", Rule(otherwise=per_order)))
    subject = past(event(2, total=150), event(1, total=70), definitions=Definitions(traits=defined))
    explained = explain_trait(defined[2], subject)
    assert (explained.says, explained.value, explained.parts) == ("spent / orders", 110, ())
    assert explained.reads == (ReadTrait("spent", 220), ReadTrait("orders", 2))


def test_a_trait_that_no_definition_computes_shows_the_calls_that_sent_it() -> None:
    calls = identify(3, plan="free"), identify(2, plan="pro"), identify(1, city="Kyoto"), event(0, plan="gold")
    subject = past(*calls, plan="pro", address={"city": "Kyoto"})
    plan = explain_sent("plan", subject)
    assert plan is not None
    assert (plan.says, plan.value) == ("sent by identify calls; no definition computes it", "pro")
    assert [(shown.message_id, shown.value) for shown in plan.events] == [("identify-2", "pro"), ("identify-3", "free")]
    city = explain_sent("address.city", subject)
    assert city is not None
    assert city.value == "Kyoto"
    assert explain_sent("nothing", subject) is None


def test_a_rule_shows_the_expression_of_the_case_and_of_none() -> None:
    big = Case(TraitComparison(("total",), (BIG,)), TraitValue(("address", "city")))
    both, neither = Rule((big,), Literally("none")), Rule((big,))
    late = Rule((big,), Function("round", (TraitValue(("total",)),)))

    def said(rule: Rule, total: int) -> tuple[str, object, tuple[ReadTrait, ...]]:
        trait = Trait("t", rule)
        subject = past(event(1), definitions=Definitions(traits=(trait,)), total=total, address={"city": "Kyoto"})
        explained = explain_trait(trait, subject)
        return explained.says, explained.value, explained.reads

    city = (ReadTrait("address.city", "Kyoto"),)
    assert said(both, 100) == ("address.city, by the first case that holds", "Kyoto", city)
    assert said(both, 1) == ("no case holds", "none", ())
    assert said(neither, 1) == ("no case holds", None, ())
    assert said(late, 1) == ("round(total), as no case holds", 1, (ReadTrait("total", 1),))


def test_consent_shows_what_was_said_since_when_and_by_which_event() -> None:
    yes, no = event(2, "Consent Preference Updated"), event(1, "Unsubscribed")
    said = [
        PastStatement(1, "news", "all", ConsentStatement("granted", NOW - 2, yes.message_id, "web")),
        PastStatement(2, "all", "email", ConsentStatement("denied", NOW - 1, no.message_id, "web", reason="left")),
        PastStatement(3, "news", "sms", ConsentStatement("granted", NOW, "not read", "crm")),
    ]
    rules = ConsentRules((Purpose("news"), Purpose("orders", default="opt_out")))
    wanted = {
        (purpose, channel): ConsentComparison(purpose, channel, "allowed")
        for purpose, channel in (("news", "email"), ("news", "sms"), ("orders", ""))
    }
    definitions = Definitions(tuple(Segment(f"{key}", each) for key, each in wanted.items()), consent=rules)
    person = PastProfile("p", compile_program(definitions), [yes, no], NOW, {}, statements=said)
    by_mail, by_sms, orders = (explain_condition(each, person) for each in wanted.values())
    assert (by_mail.says, by_mail.holds, by_mail.value) == ("consent to news by email is allowed", False, "denied")
    assert [(each.message_id, each.value) for each in by_mail.events] == [
        (yes.message_id, "news is granted"),
        (no.message_id, "everything by email is denied (left)"),
    ]
    assert (by_sms.holds, by_sms.until, by_sms.events[0].message_id) == (True, None, "not read")
    assert by_sms.events[0].occurred_at == text_of(NOW)
    assert (orders.says, orders.holds, orders.value) == (
        "consent to orders is allowed",
        True,
        "unknown, by default opt_out",
    )
    before = explain_condition(wanted["news", "email"], person.earlier(NOW - 2))
    assert (before.holds, [each.value for each in before.events]) == (True, ["news is granted"])
