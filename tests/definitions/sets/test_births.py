"""Since when an accumulator has existed with what is wanted of it: what grows, or is new to somebody, is born anew."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.model import (
    Aggregate,
    AggregateComparison,
    Call,
    Definitions,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Not,
    Segment,
    Sequence,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    Window,
)
from definitions.plan import Accumulator, accumulators_of, needs
from definitions.sets import DefinitionSet, births_for, next_set
from definitions.streaming.accumulators import state_key
from definitions.streaming.states import type_of

DAY = 86_400_000
ORDERS = EventMatcher((Call("track", "Ordered"),))
VIEWS = EventMatcher((Call("track", "Viewed"),))


def orders(at_least: int = 1, days: int = 7, events: EventMatcher = ORDERS) -> EventCount:
    return EventCount(events, Window(days * DAY), at_least)


def published(*versions: Iterable[Segment | Trait]) -> DefinitionSet:
    """The last of several versions."""
    former: DefinitionSet | None = None
    for items in versions:
        of = list(items)
        definitions = Definitions(
            tuple(each for each in of if isinstance(each, Segment)),
            traits=tuple(each for each in of if isinstance(each, Trait)),
        )
        former = next_set(former, definitions, {}, 0, "")
    assert former is not None
    return former


def birth(of: DefinitionSet, condition: EventCount, workspace: str = "main", kind: str = "person") -> int | None:
    (need,) = needs(condition)
    return births_for(of, workspace, kind).get(need.id)  # type: ignore[arg-type]


def retained_ms(of: Accumulator) -> float:
    return math.inf if of.retain_ms is None else of.retain_ms


BUYERS = Segment("buyers", orders())
_CITY = Field(("city",))
ONE_MATCHER = (
    BUYERS,
    Segment("regulars", orders(at_least=3, days=30)),
    Segment("twice", Sequence((Step(ORDERS), Step(ORDERS, DAY)), 9 * DAY)),
    *(
        Segment(f"{measure.value} in {days} days", AggregateComparison(Aggregate(ORDERS, measure, _CITY, window), ()))
        for measure in (Measure.LAST, Measure.FIRST, Measure.DISTINCT)
        for days in (1, 7)
        for window in (Window(days * DAY),)
    ),
)


@pytest.mark.parametrize(
    ("then", "born"),
    [
        (Segment("renamed", Not(orders()), title="Others"), 1),
        (Segment("buyers", orders(days=3)), 1),
        (Segment("buyers", orders(days=8)), 2),
        (Segment("buyers", orders(at_least=2)), 2),
    ],
    ids=["another reader of the same", "less", "a longer window", "more events"],
)
def test_what_must_remember_more_is_born_anew(then: Segment, born: int) -> None:
    assert birth(published([BUYERS], [then]), orders()) == born


def test_what_is_remembered_in_another_order_is_born_anew() -> None:
    city = Field(("city",))
    first = Trait("city", Statistical(Aggregate(ORDERS, Measure.DISTINCT, city, Window(DAY))))
    second = Trait("cities", Statistical(Aggregate(ORDERS, Measure.FIRST, city, Window(DAY))))
    (need,) = needs(first.value.aggregate)  # type: ignore[union-attr]
    assert births_for(published([first], [first, second]), "main", "person")[need.id] == 2


def test_what_is_kept_otherwise_is_born_anew() -> None:
    """A count needs the times alone, a sequence the order as well."""
    asked = Segment("asked", Sequence((Step(VIEWS), Step(ORDERS, 2 * DAY, absent=True)), 2 * DAY))
    last = published([BUYERS], [BUYERS, asked], [BUYERS])
    assert birth(last, orders()) == 3


@given(st.lists(st.sets(st.sampled_from(ONE_MATCHER)), min_size=2, max_size=6))
def test_one_birth_means_one_type_of_state_that_never_grows(versions: list[set[Segment]]) -> None:
    kept: dict[str, Accumulator] = {}
    for number in range(1, len(versions) + 1):
        last = published(*versions[:number])
        births, former = births_for(last, "main", "person"), kept
        kept = {state_key(each, births[each.id]): each for each in accumulators_of(last.definitions)}
        for key in kept.keys() & former.keys():
            assert type_of(kept[key]) is type_of(former[key])
            assert kept[key].keep <= former[key].keep
            assert retained_ms(kept[key]) <= retained_ms(former[key])


def test_what_was_away_is_born_anew_when_it_comes_back() -> None:
    gone = Segment("pros", TraitComparison(("plan",), ()))
    assert birth(published([BUYERS], [gone], [BUYERS]), orders()) == 3


def test_what_shrinks_and_grows_again_is_born_anew() -> None:
    small, large = Segment("buyers", orders(days=3)), Segment("buyers", orders(days=7))
    assert birth(published([large], [small], [large]), orders()) == 3


def test_a_birth_is_of_the_last_change_only() -> None:
    views = Segment("viewers", orders(events=VIEWS))
    last = published([BUYERS], [BUYERS, views], [BUYERS, views, Segment("pros", TraitComparison(("plan",), ()))])
    assert (birth(last, orders()), birth(last, orders(events=VIEWS))) == (1, 2)


def test_what_persons_have_long_had_is_new_to_devices() -> None:
    last = published([BUYERS], [BUYERS, Segment("screens", orders(), kind="device")])
    assert (birth(last, orders()), birth(last, orders(), kind="device")) == (1, 2)
    assert birth(last, orders(), kind="account") is None


def test_what_one_workspace_has_is_new_to_another() -> None:
    only_main = Segment("buyers", orders(), workspaces=("main",))
    both = Segment("buyers", orders(), workspaces=("main", "shop"))
    everywhere = Segment("buyers", orders())
    assert birth(published([only_main], [both]), orders(), "main") == 1
    assert birth(published([only_main], [both]), orders(), "shop") == 2
    last = published([only_main], [both], [everywhere])
    assert [birth(last, orders(), name) for name in ("main", "shop", "third")] == [1, 2, 3]


def test_what_a_workspace_needs_alone_does_not_make_it_new_elsewhere() -> None:
    more = Segment("regulars", orders(at_least=5), workspaces=("main",))
    last = published([BUYERS], [BUYERS, more])
    assert (birth(last, orders(), "main"), birth(last, orders(), "shop")) == (2, 1)
    back = published([BUYERS], [BUYERS, more], [BUYERS])
    assert (birth(back, orders(), "main"), birth(back, orders(), "shop")) == (2, 1)
