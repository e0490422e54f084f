"""States of accumulators by SQL are those that folding the same events makes, of every kind."""

from collections.abc import Mapping, Sequence
from random import Random

import pytest

from definitions.model import Aggregate, Call, Definitions, EventMatcher, Field, Measure, Statistical, Trait
from definitions.plan import Accumulator, accumulators_of
from definitions.sql import profiles
from definitions.streaming.scalars import members, number, scalar
from definitions.streaming.states import MAX_ORDER_LENGTH, AnyState, EventOrder, Scalars, type_of
from tests.definitions.generated import BEGINNING, HUGE_NUMBERS, Generator
from tests.definitions.naive.events import matches, opened
from tests.definitions.naive.lives import Happened
from tests.definitions.naive.values import value_at
from tests.definitions.populations import Histories, person, record
from warehouse.client import Warehouse
from warehouse.queries.definitions_of_the_past import states


def folded(accumulator: Accumulator, events: Sequence[Happened]) -> AnyState:
    """The state of all events, one by one."""
    state = type_of(accumulator)()
    for event in events:
        value: Scalars | None = None
        if accumulator.of is not None:
            sent = value_at(opened(accumulator.of.root, event), accumulator.of.path)
            take = members if accumulator.keeping == "members" else number if accumulator.numbers else scalar
            value = take(sent)
        if matches(accumulator.events, event) and (accumulator.of is None or value is not None):
            state.add(EventOrder(event.at, event.ordinal, event.message_id[:MAX_ORDER_LENGTH]), value)
    return state


@pytest.mark.parametrize("many_events", [10_000, 20, 0])
@pytest.mark.parametrize("seed", range(3))
def test_sql_makes_the_states_that_folding_makes(
    warehouse: Warehouse, workspace: str, seed: int, many_events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of profiles with many events as of those with few; in between both are in one query."""
    monkeypatch.setattr(profiles, "MANY_EVENTS", many_events)
    generator = Generator(Random(seed))
    accumulators = accumulators_of(generator.definitions(12))
    histories = {person(at): generator.history() for at in range(60)}
    record(warehouse, workspace, histories)
    found = dict(states(warehouse, workspace, "person", accumulators, version=1))
    check_folded(found, accumulators, histories)


@pytest.mark.parametrize("measure", [Measure.SUM, Measure.MAX])
def test_a_number_beyond_every_sum_is_in_the_other_parts_of_a_state(
    warehouse: Warehouse, workspace: str, measure: Measure
) -> None:
    aggregate = Aggregate(EventMatcher((Call("track", "Buy"),)), measure, Field(("total",)))
    accumulators = accumulators_of(Definitions(traits=(Trait("total", Statistical(aggregate)),)))
    histories = {
        person(number): [Happened(BEGINNING, "track", "Buy", {"total": total})]
        for number, total in enumerate((5, *HUGE_NUMBERS))
    }
    record(warehouse, workspace, histories)
    found = dict(states(warehouse, workspace, "person", accumulators, version=1))
    assert found.keys() == histories.keys()
    check_folded(found, accumulators, histories)


def check_folded(
    found: Mapping[str, Mapping[str, AnyState]], accumulators: Sequence[Accumulator], histories: Histories
) -> None:
    """Assert that what was found are the states that folding makes."""
    for accumulator in accumulators:
        for profile_id, events in histories.items():
            expected = folded(accumulator, events)
            actual = found.get(profile_id, {}).get(accumulator.id, type_of(accumulator)())
            as_of = max(event.at for event in events)
            expected.trim(accumulator, as_of)
            actual.trim(accumulator, as_of)
            assert actual == expected, (accumulator, events)


def test_events_count_by_their_stamps(warehouse: Warehouse, workspace: str) -> None:
    generator = Generator(Random(5))
    accumulators = accumulators_of(generator.definitions(8))
    histories = {person(at): generator.history() for at in range(40)}
    record(warehouse, workspace, histories)
    whole = dict(states(warehouse, workspace, "person", accumulators, version=1))
    assert whole.keys() <= histories.keys()
    assert whole
    assert dict(states(warehouse, workspace, "person", accumulators, version=0)) == {}
