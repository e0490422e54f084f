"""States of the past within bounds: of a profile with a million events, and of windows in a long history."""

from collections.abc import Callable, Sequence

import pytest

from definitions.model import (
    Aggregate,
    Call,
    Definitions,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Scalar,
    Segment,
    Statistical,
    Step,
    Trait,
    Window,
)
from definitions.model import Sequence as EventSequence
from definitions.plan import Accumulator, accumulators_of
from definitions.plan.accumulators import MAX_DISTINCT, MAX_STEP_EVENTS, MAX_VALUES
from definitions.sql import StatesQuery
from definitions.streaming.states import Calls, Entry, Newest, Times, Values
from tests.definitions.populations import person
from warehouse.client import Warehouse
from warehouse.queries import definitions_of_the_past
from warehouse.queries.definitions import source_of
from warehouse.queries.definitions_of_the_past import states

DAY = 86_400_000
NOW = 1_800_000_000_000
MOST_BYTES = "100000000"
BUSY, QUIET = person(1), person(2)
VIEWED = EventMatcher((Call("track", "View"),))
PRODUCT, PRICE = Field(("product",)), Field(("price",))


def fill(warehouse: Warehouse, workspace: str, profile_id: str, events: int, apart_ms: int) -> None:
    """Write views of one person, the newest of them at NOW."""
    warehouse.run(
        f"""INSERT INTO onefold.raw_events (workspace, source, message_id, type, event, occurred_at, received_at,
            ordinal, profile_id, profile_kind, identifiers, properties_sent, version)
        SELECT '{workspace}', 'test', concat('m', toString(number)), 'track', 'View',
            fromUnixTimestamp64Milli({NOW} - number * {apart_ms}, 'UTC') AS occurred_at, occurred_at, number,
            '{profile_id}', 'person', [('user_id', '{profile_id}')],
            concat('{{"product":"p', toString(number % 500), '","price":', toString(number % 7), '}}'), number
        FROM numbers({events}) SETTINGS max_partitions_per_insert_block = 0"""
    )


def entries(newest: int, value: Callable[[int], Scalar | None]) -> list[Entry]:
    """The newest events of a person whose events are 100 ms apart, oldest first."""
    return [(NOW - number * 100, number, f"m{number}", value(number)) for number in range(newest)][::-1]


def test_a_person_of_a_million_events_takes_no_more_memory_than_what_is_kept(
    warehouse: Warehouse, workspace: str, monkeypatch: pytest.MonkeyPatch, is_long: bool
) -> None:
    """In the short form of 60,000. All of them at once would take several times as much as the query may."""
    events = 1_000_000 if is_long else 60_000
    monkeypatch.setitem(definitions_of_the_past._SETTINGS, "max_memory_usage", MOST_BYTES)
    segment = Segment("again", EventSequence((Step(VIEWED), Step(VIEWED, 60_000)), 30 * DAY))
    highest = Statistical(Aggregate(VIEWED, Measure.MAX, PRICE, Window(30 * DAY)))
    favourite = Statistical(Aggregate(VIEWED, Measure.MOST_FREQUENT, PRODUCT))
    traits = (Trait("highest", highest), Trait("favourite", favourite))
    accumulators = accumulators_of(Definitions(segments=(segment,), traits=traits))
    fill(warehouse, workspace, BUSY, events, apart_ms=100)
    fill(warehouse, workspace, QUIET, 3, apart_ms=100)

    found = dict(states(warehouse, workspace, "person", accumulators, version=1))

    of = {each.id: each for each in accumulators}
    products = sorted(f"p{number}" for number in range(500))[:MAX_DISTINCT]
    assert sorted(map(str, found[BUSY].values())) == sorted(
        map(
            str,
            (
                Newest(entries(MAX_STEP_EVENTS, lambda _: None)),
                Newest(entries(MAX_VALUES, lambda number: number % 7)),
                Values({f'"{product}"': events // 500 for product in products}),
            ),
        )
    )
    assert found[QUIET].keys() == of.keys()


def test_events_that_no_window_can_hold_any_more_are_not_read(warehouse: Warehouse, workspace: str) -> None:
    counted = accumulators_of(Definitions(segments=(Segment("seen", EventCount(VIEWED, Window(DAY), 3)),)))
    fill(warehouse, workspace, QUIET, 400, apart_ms=DAY)

    (state,) = dict(states(warehouse, workspace, "person", counted, version=1, since=NOW))[QUIET].values()
    assert state == Times([NOW])
    (state,) = dict(states(warehouse, workspace, "person", counted, version=1, since=NOW - DAY))[QUIET].values()
    assert state == Times([NOW - DAY, NOW])
    assert read_parts(warehouse, workspace, counted, NOW) < read_parts(warehouse, workspace, counted, None) / 2


def test_what_has_no_window_is_of_the_whole_past(warehouse: Warehouse, workspace: str) -> None:
    both = (Segment("ever", EventCount(VIEWED, Window(), 3)), Segment("seen", EventCount(VIEWED, Window(DAY), 3)))
    fill(warehouse, workspace, QUIET, 400, apart_ms=DAY)

    accumulators = accumulators_of(Definitions(segments=both))
    found = dict(states(warehouse, workspace, "person", accumulators, version=1, since=NOW))[QUIET]

    assert sorted(map(str, found.values())) == sorted(map(str, (Calls(400, NOW - 399 * DAY, NOW), Times([NOW]))))


def test_profiles_come_in_the_order_in_which_they_are_stored(warehouse: Warehouse, workspace: str) -> None:
    people = [person(number) for number in range(8)]
    for profile_id in people:
        fill(warehouse, workspace, profile_id, 1, apart_ms=DAY)

    ever = accumulators_of(Definitions(segments=(Segment("ever", EventCount(VIEWED, Window())),)))
    assert [profile_id for profile_id, _ in states(warehouse, workspace, "person", ever, version=1)] == sorted(people)


def read_parts(warehouse: Warehouse, workspace: str, accumulators: Sequence[Accumulator], since: int | None) -> int:
    """How many parts of the table of events ClickHouse reads for a query."""
    query = StatesQuery(accumulators, since)
    source = source_of(workspace, "person", query.wanted()).events
    rows = warehouse.rows(f"EXPLAIN ESTIMATE {query.selected(source)}")
    return sum(int(str(row["parts"])) for row in rows if row["table"] == "raw_events")
