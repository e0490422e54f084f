"""What is evaluated when: in the order of dependencies, what an event or a time can change, and what is complete."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import Definitions, Program, Segment, compile_program
from definitions.model import (
    Aggregate,
    AllOf,
    AnyOf,
    Call,
    Case,
    Comparison,
    EventCount,
    EventMatcher,
    Expression,
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
    Sequence,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    TraitValue,
    Window,
)
from definitions.plan import accumulators_of
from definitions.plan.accumulators import MAX_STEP_EVENTS
from streams.fold.fold import advance, next_deadline
from streams.fold.merge import merge, retire
from streams.fold.moment import FoldContext
from streams.fold.records import profile_record
from streams.fold.state import ProfileState
from tests.streams.fold.given import CONTEXT, DAY, HOUR, START, event, fold, identify, transitions

BUY, VIEW = EventMatcher((Call("track", "Buy"),)), EventMatcher((Call("track", "View"),))
SPENT = Trait("spent", Statistical(Aggregate(BUY, Measure.SUM, Field(("amount",)), Window(DAY))))
ORDERS = Trait("orders", Statistical(Aggregate(BUY, Measure.COUNT, None, Window(DAY))))
LAST_ORDER = Trait("last_order", Statistical(Aggregate(BUY, Measure.LAST_AT)))


def trait(name: str) -> TraitValue:
    return TraitValue((name,))


def rule(name: str, value: Expression) -> Trait:
    return Trait(name, Rule((), value))


def _is(name: str, value: str) -> TraitComparison:
    return TraitComparison((name,), (Comparison(Operator.EQUALS, value),))


def is_at_least(name: str, number: float) -> TraitComparison:
    return TraitComparison((name,), (Comparison(Operator.GREATER_OR_EQUAL, number),))


def context(program: Program) -> FoldContext:
    return FoldContext("main", CONTEXT.profile_id, program, CONTEXT.source_priority)


def context_of(*defined: Trait | Segment) -> FoldContext:
    traits = tuple(each for each in defined if isinstance(each, Trait))
    segments = tuple(each for each in defined if isinstance(each, Segment))
    return context(compile_program(Definitions(segments, traits=traits)))


def shown(state: ProfileState, within: FoldContext) -> dict[str, object]:
    traits: dict[str, object] = json.loads(profile_record(state, within, START).traits)
    return traits


def test_what_follows_from_a_trait_follows_within_the_same_step() -> None:
    mean = rule("mean", Function("divide", (trait("spent"), trait("orders"))))
    level = Trait("level", Rule((Case(is_at_least("mean", 50), Literally("high")),), Literally("low")))
    high = Segment("high", TraitComparison(("level",), (Comparison(Operator.EQUALS, "high"),)))
    not_high = Segment("not high", Not(InSegment("high")))
    within = context_of(high, not_high, level, mean, SPENT, ORDERS)
    state, out = fold([event(START, "Buy", properties={"amount": 40})], context=within)
    assert shown(state, within) == {"spent": 40, "orders": 1, "mean": 40, "level": "low"}
    fold([event(START + 1, "Buy", properties={"amount": 80})], state, within, out)
    assert shown(state, within) == {"spent": 120, "orders": 2, "mean": 60, "level": "high"}
    advance(state, START + DAY, within, out)
    assert shown(state, within) == {"spent": 80, "orders": 1, "mean": 80, "level": "high"}
    advance(state, START + DAY + 1, within, out)
    assert shown(state, within) == {"level": "low"}, "what is of nothing is not shown, and 0 divided by 0 is nothing"
    assert transitions(out.segment_changes) == [
        ("not high", "entered", START),
        ("high", "entered", START + 1),
        ("not high", "exited", START + 1),
        ("high", "exited", START + DAY + 1),
        ("not high", "entered", START + DAY + 1),
    ]


def test_a_defined_trait_comes_before_one_that_was_sent_under_its_name() -> None:
    some = Segment("some", is_at_least("orders", 1))
    within = context_of(ORDERS, some)
    state, _ = fold([identify(START, {"orders": 9, "plan": "pro"})], context=within)
    assert shown(state, within) == {"plan": "pro"}
    assert not state.memberships.entered_at
    fold([event(START, "Buy")], state, within)
    assert shown(state, within) == {"orders": 1, "plan": "pro"}
    assert state.memberships.entered_at == {"some": START}


def test_a_time_is_shown_as_text_and_counted_from() -> None:
    days = rule("days", Function("days_since", (trait("last_order"),)))
    within = context_of(LAST_ORDER, days)
    state, out = fold([event(START, "Buy")], context=within)
    assert shown(state, within) == {"last_order": "2023-11-14T22:13:20.000Z", "days": 0}
    advance(state, START + 2 * DAY, within, out)
    assert shown(state, within)["days"] == 2
    assert next_deadline(state) == START + 3 * DAY
    assert out.changes_traits


def test_of_a_first_event_is_evaluated_what_holds_of_nothing_or_reads_the_event() -> None:
    within = context_of(
        Segment("no buyers", Not(EventCount(BUY, Window(HOUR)))),
        Segment("everybody", Sample(1000, "")),
        Segment("nobody", Sample(0, "")),
        Segment("viewers", EventCount(VIEW, Window(HOUR))),
        Segment("buyers", EventCount(BUY, Window(HOUR))),
        rule("constant", Literally(7)),
    )
    numbers = {within.program.items[number].name for number in within.program.at_first}
    assert numbers == {"no buyers", "everybody", "nobody"}
    state, _ = fold([event(START)], context=within)
    assert state.memberships.entered_at.keys() == {"no buyers", "everybody", "viewers"}
    assert shown(state, within) == {"constant": 7}


def test_what_a_trait_is_of_nothing_is_not_evaluated_but_read() -> None:
    level = Trait("level", Rule((Case(is_at_least("orders", 1), Literally("high")),), Literally("low")))
    label = Trait("label", Rule((Case(_is("level", "low"), Literally("new")),), Literally("regular")))
    within = context_of(level, label, ORDERS, Segment("low", _is("level", "low")), Segment("new", _is("label", "new")))
    program = within.program
    assert program.initial == {"level": '"low"', "label": '"regular"'}
    assert {program.items[number].name for number in program.at_first} == {"low", "label", "new"}
    state, _ = fold([event(START)], context=within)
    assert (shown(state, within), {*state.memberships.entered_at}) == ({"level": "low", "label": "new"}, {"low", "new"})
    bought, out = fold([event(START, "Buy")], context=within)
    assert shown(bought, within) == {"orders": 1, "level": "high", "label": "regular"}
    assert out.segment_changes == []


def test_an_event_evaluates_what_it_can_change_alone() -> None:
    segments = [Segment(f"b{number}", EventCount(BUY, Window(DAY), number)) for number in range(1, 5)]
    within = context_of(
        *segments, Segment("v", EventCount(VIEW, Window(DAY))), Segment("gone", Not(EventCount(BUY, Window(DAY))))
    )
    program = within.program
    (key,) = {accumulator.key for accumulator in program.accumulators if accumulator.planned.events == BUY}

    def touched(events: int, *members: str) -> set[str]:
        numbers = program.touched([key], set(members), (), lambda _: events)
        return {program.items[number].name for number in numbers}

    assert touched(9, "gone") == {"b1", "b2", "b3", "b4", "gone"}
    assert touched(9, "b1", "b2") == {"b3", "b4"}, "a count that holds is left to its end"
    assert touched(2, "gone") == {"b1", "b2", "gone"}, "two events are not three"


def test_a_sequence_is_evaluated_by_what_can_complete_or_cancel_it() -> None:
    abandoned = Segment("abandoned", Sequence((Step(VIEW), Step(BUY, HOUR, absent=True)), DAY))
    bought = Segment("bought", Sequence((Step(VIEW), Step(BUY)), DAY))
    program = context_of(abandoned, bought).program
    keys = {each.planned.events: each.key for each in program.accumulators}

    def touched(matcher: EventMatcher, *members: str, waiting: tuple[str, ...] = (), events: int = 1) -> set[str]:
        untils = {number for number, item in enumerate(program.items) if item.name in waiting}
        numbers = program.touched([keys[matcher]], set(members), untils, lambda _: events)
        return {program.items[number].name for number in numbers}

    assert touched(VIEW) == {"abandoned", "bought"}
    assert touched(VIEW, "abandoned", "bought") == set(), "another start of what holds"
    assert touched(BUY) == {"bought"}, "nothing waits for a purchase"
    assert touched(BUY, waiting=("abandoned",)) == {"abandoned", "bought"}
    assert touched(BUY, "abandoned", "bought") == {"abandoned"}
    assert touched(VIEW, "abandoned", "bought", events=MAX_STEP_EVENTS) == {"abandoned", "bought"}, "one may be lost"


def test_who_has_bought_is_not_asked_at_each_view_whether_a_cart_is_abandoned() -> None:
    looking = Segment("looking", AllOf((EventCount(VIEW, Window(DAY), 2), Not(EventCount(BUY, Window(HOUR))))))
    within = context_of(looking)
    (view,) = (each.key for each in within.program.accumulators if each.planned.events == VIEW)
    state, out = fold([event(START, "Buy"), *(event(START + number) for number in range(1, 4))], context=within)
    waiting = state.evaluations.untils
    assert waiting == {0: START + HOUR}
    assert within.program.touched([view], (), waiting, state.aggregates.number) == set()
    assert within.program.touched([view], (), (), state.aggregates.number) == {0}
    advance(state, START + HOUR, within, out)
    assert transitions(out.segment_changes) == [("looking", "entered", START + HOUR)]


def test_what_waits_for_a_time_or_an_event_is_evaluated_at_the_event() -> None:
    either = AnyOf((Not(EventCount(BUY, Window(HOUR))), EventCount(VIEW, Window(DAY), 3)))
    within = context_of(Segment("looking", AllOf((EventCount(VIEW, Window(DAY)), either))))
    _, out = fold([event(START, "Buy"), *(event(START + number) for number in range(1, 4))], context=within)
    assert transitions(out.segment_changes) == [("looking", "entered", START + 3)]


def test_a_sequence_ends_with_the_event_that_has_its_start_forgotten() -> None:
    within = context_of(Segment("bought", Sequence((Step(VIEW), Step(BUY)), DAY)))
    events = [event(START), event(START + 1, "Buy")]
    state, _ = fold([*events, *(event(START + 1 + number) for number in range(1, MAX_STEP_EVENTS))], context=within)
    assert state.memberships.entered_at == {"bought": START + 1}
    state, out = fold([event(START + 1 + MAX_STEP_EVENTS)], state, within)
    assert transitions(out.segment_changes) == [("bought", "exited", START + 1 + MAX_STEP_EVENTS)]


def test_a_trait_has_those_evaluated_that_it_passes_a_threshold_of() -> None:
    often = [Segment(f"at least {number}", is_at_least("orders", number)) for number in (1, 3, 5)]
    level = Trait("level", Rule((Case(is_at_least("orders", 2), Literally("high")),), Literally("low")))
    within = context_of(*often, ORDERS, level)
    readers = within.program.trait_readers["orders"]
    names = [within.program.items[number].name for number in readers.concerned(1, 2)]
    assert names == ["level"]
    state, out = fold([event(START + number, "Buy") for number in range(4)], context=within)
    assert transitions(out.segment_changes) == [("at least 1", "entered", START), ("at least 3", "entered", START + 2)]
    assert shown(state, within)["level"] == "high"


def test_what_was_prolonged_is_evaluated_again_when_it_would_have_ended() -> None:
    within = context_of(Segment("buyers", EventCount(BUY, Window(HOUR))))
    state, out = fold([event(START, "Buy"), event(START + 1, "Buy")], context=within)
    advance(state, START + HOUR, within, out)
    assert state.memberships.entered_at == {"buyers": START}
    advance(state, START + HOUR + 1, within, out)
    assert transitions(out.segment_changes) == [("buyers", "entered", START), ("buyers", "exited", START + HOUR + 1)]


@pytest.mark.parametrize("amount", ["9", True, [1], {"a": 1}])
def test_a_value_of_the_wrong_type_does_not_count_and_is_counted_as_that(amount: object) -> None:
    above = EventMatcher(
        (Call("track", "Buy"),), (PropertyFilter(("amount",), (Comparison(Operator.GREATER_THAN, 5),)),)
    )
    within = context_of(Segment("buyers", EventCount(above, Window(HOUR))), SPENT)
    state, out = fold([event(START, "Buy", properties={"amount": amount})], context=within)
    assert (state.aggregates.states, state.memberships.entered_at) == ({}, {})
    assert out.drops == {("property", "mistyped"): 2}
    named = within.program.named_by_reader
    assert sorted(name for reader in out.mistyped for name in named[reader]) == [
        ("segment", "buyers"),
        ("trait", "spent"),
    ]
    assert set(out.mistyped.values()) == {1}


def test_a_missing_value_is_of_no_wrong_type() -> None:
    within = context_of(SPENT)
    _, out = fold([event(START, "Buy"), event(START + 1, "Buy", properties={"amount": None})], context=within)
    assert out.drops == {}


TAGS = Trait(
    "tags", Statistical(Aggregate(EventMatcher((Call("identify"),)), Measure.UNION, Field(("tags",), "traits")))
)


def test_lists_that_were_sent_are_united_and_a_scalar_is_a_list_of_one() -> None:
    either = TraitComparison(("tags",), (Comparison(Operator.CONTAINS_ANY, ("c", True)),))
    within = context_of(Segment("either", either), TAGS, rule("number", Function("length", (trait("tags"),))))
    state, out = fold([identify(START, {"tags": ["b", "a", "b", 1]})], context=within)
    assert (shown(state, within), out.segment_changes) == ({"tags": ["a", "b", 1], "number": 3}, [])
    later: list[object] = ["c", 1.0, None, [], [None, True, "é" * 257]]
    state, out = fold([identify(START + 1 + at, {"tags": tags}) for at, tags in enumerate(later)], state, within)
    assert shown(state, within) == {"tags": ["a", "b", "c", 1, True], "number": 5}
    assert (transitions(out.segment_changes), out.drops) == ([("either", "entered", START + 1)], {})


def test_what_is_neither_a_scalar_nor_a_list_of_them_is_mistyped_and_the_rest_of_its_list_counts() -> None:
    within = context_of(TAGS)
    sent: list[object] = [{"a": 1}, ["a", ["b"], {"c": 1}], [["b"]]]
    state, out = fold([identify(START + at, {"tags": tags}) for at, tags in enumerate(sent)], context=within)
    assert (shown(state, within), out.drops) == ({"tags": ["a"]}, {("property", "mistyped"): 3})


@given(st.lists(st.lists(st.integers(0, 300), max_size=260), max_size=4), st.randoms(use_true_random=False))
def test_of_a_union_the_first_200_are_kept_in_whatever_order_they_come(lists: list[list[int]], random: Random) -> None:
    sent = [identify(START + at, {"tags": numbers}) for at, numbers in enumerate(lists)]
    random.shuffle(sent)
    within = context_of(TAGS)
    middle = random.randint(0, len(sent))
    state, out = fold(sent[:middle], context=within)
    other, _ = fold(sent[middle:], context=within)
    retire(other, within, out)
    merge(state, other, (), 1, within, out)
    assert shown(state, within).get("tags", []) == sorted({number for numbers in lists for number in numbers})[:200]


def test_of_a_list_the_first_values_that_fit_are_shown() -> None:
    texts = Trait("texts", Statistical(Aggregate(BUY, Measure.VALUES, Field(("amount",)))))
    within = context_of(texts)
    few = [event(START + number, "Buy", properties={"amount": f"{number:250}"}) for number in range(32)]
    state, _ = fold(few, context=within)
    full = shown(state, within)
    assert len(str(full["texts"])) > 8_000
    state, out = fold([event(START + 99, "Buy", properties={"amount": "z" * 250})], state, within)
    assert (shown(state, within), out.drops) == (full, {})


def test_a_value_that_was_sent_is_shown_by_a_rule_in_however_long_a_notation() -> None:
    within = context_of(rule("numbers", trait("sent")))
    state, out = fold([identify(START, '{"sent":[' + ",".join(["1e15"] * 1_600) + "]}")], context=within)
    assert shown(state, within)["numbers"] == [1e15] * 1_600
    assert out.drops == {}


def test_an_event_that_is_stamped_below_the_birth_of_an_accumulator_does_not_count_there() -> None:
    definitions = Definitions((Segment("buyers", EventCount(BUY, Window(HOUR))),))
    (bought,) = (each.id for each in accumulators_of(definitions))
    within = context(compile_program(definitions, {bought: 3}))
    before, stamped = event(START, "Buy"), event(START + 1, "Buy", definitions=3)
    state, _ = fold([before], context=within)
    assert (state.aggregates.states, state.memberships.entered_at) == ({}, {}), "it comes by a seed"
    fold([stamped], state, within)
    assert (set(state.aggregates.states), set(state.memberships.entered_at)) == ({f"{bought}@3"}, {"buyers"})


def test_what_is_defined_no_more_is_forgotten() -> None:
    within, without = context_of(ORDERS, Segment("some", is_at_least("orders", 1))), context_of(rule("c", Literally(1)))
    state, out = fold([event(START, "Buy")], context=within)
    advance(state, START + 1, without, out)
    assert (state.aggregates.states, state.memberships.entered_at, shown(state, without)) == ({}, {}, {"c": 1})
