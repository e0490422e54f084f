"""An explanation names the events that a value of a wrong type keeps out, with the value, the newest first."""

from definitions import compile_program
from definitions.explaining.explain import explain_trait
from definitions.explaining.past import PastProfile
from definitions.explaining.triggers import explain_trigger
from definitions.model import (
    Aggregate,
    Call,
    Comparison,
    Definitions,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Operator,
    Period,
    PropertyFilter,
    Sequence,
    Statistical,
    Step,
    Trait,
    Trigger,
    Window,
)
from tests.definitions.explaining.test_explain import HOUR, NOW, ORDERED, TOTAL, event, explain, identify, past

IN_EUROS = PropertyFilter(("currency",), (Comparison(Operator.EQUALS, "EUR"),))
FROM_100 = PropertyFilter(("total",), (Comparison(Operator.GREATER_OR_EQUAL, 100),))


def named(events: object) -> list[tuple[str, object]]:
    assert isinstance(events, tuple)
    return [(shown.message_id, shown.value) for shown in events]


def test_a_sum_says_which_of_the_events_in_its_window_have_no_number() -> None:
    of = EventMatcher(ORDERED.calls, (IN_EUROS,))
    spent = Trait("spent", Statistical(Aggregate(of, Measure.SUM, TOTAL, Window(HOUR))))
    orders = (
        event(HOUR, total="long ago", currency="EUR"),
        event(9, total="90 EUR", currency="EUR"),
        event(8, total={"amount": 1}, currency="EUR"),
        event(7, total=True, currency="EUR"),
        event(6, total=["5"], currency="EUR"),
        event(5, total="80 USD", currency="USD"),
        event(4, total=None, currency="EUR"),
        event(3, currency="EUR"),
        event(2, total=10, currency="EUR"),
    )
    explained = explain_trait(spent, past(*orders, definitions=Definitions(traits=(spent,))))
    assert (explained.value, explained.counted, explained.mistyped_counted) == (10, 1, 4)
    assert named(explained.mistyped) == [("Ordered-6", ["5"]), ("Ordered-7", True), ("Ordered-8", {"amount": 1})]


def test_a_union_says_which_lists_are_not_wholly_in_it() -> None:
    calls = EventMatcher((Call("identify"),))
    tags = Trait("tags", Statistical(Aggregate(calls, Measure.UNION, Field(("tags",), "traits"))))
    sent = [identify(2, tags=["a", ["b"]]), identify(1, tags="c")]
    explained = explain_trait(tags, past(*sent, definitions=Definitions(traits=(tags,))))
    assert (explained.value, explained.counted) == (["a", "c"], 2)
    assert named(explained.mistyped) == [("identify-2", ["a", ["b"]])]


def test_a_count_says_where_a_filter_finds_no_number_and_nothing_else_is_amiss() -> None:
    of = EventMatcher(ORDERED.calls, (IN_EUROS, FROM_100), Period(NOW - 5))
    orders = (
        event(6, total="before it", currency="EUR"),
        event(3, total="120", currency="EUR"),
        event(2, total="120", currency="USD"),
        event(1, total=50, currency="EUR"),
    )
    explained = explain(EventCount(of, Window(HOUR)), *orders)
    assert (explained.holds, explained.mistyped_counted) == (False, 1)
    assert named(explained.mistyped) == [("Ordered-3", "120")]


def test_an_event_that_another_number_keeps_out_is_no_mistake() -> None:
    from_2 = PropertyFilter(("items",), (Comparison(Operator.GREATER_OR_EQUAL, 2),))
    of = EventMatcher(ORDERED.calls, (FROM_100, from_2))
    orders = event(3, total="120", items=1), event(2, total="120", items="3"), event(1, total=120, items="3")
    explained = explain(EventCount(of, Window(HOUR)), *orders)
    assert named(explained.mistyped) == [("Ordered-1", "3"), ("Ordered-2", "120")]


def test_a_sequence_does_not_name_what_counts_in_another_step() -> None:
    dear, cheap = EventMatcher(ORDERED.calls, (FROM_100,)), EventMatcher(ORDERED.calls)
    sequence = Sequence((Step(dear), Step(cheap, HOUR)), HOUR)
    assert explain(sequence, event(2, total="120")).mistyped == ()


def test_a_trigger_says_which_events_it_is_not_about() -> None:
    trigger = Trigger("dear", EventMatcher(ORDERED.calls, (FROM_100,)))
    program = compile_program(Definitions(triggers=(trigger,)))
    orders = [event(3, total="120"), event(2, total=120), event(1, total=5)]
    explained = explain_trigger(trigger, PastProfile("p", program, orders, NOW, {}), [], 0)
    assert [occasion.event.message_id for occasion in explained.occasions if occasion.event] == ["Ordered-2"]
    assert (named(explained.mistyped), explained.mistyped_counted) == ([("Ordered-3", "120")], 1)
