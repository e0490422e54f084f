"""`hourly_events` says what counting the events says, whatever is written, and wherever the work ends."""

import random
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from jobs.maintenance.rolling_up import RollUp, RollUpAgain, batches
from jobs.maintenance.squashing import Squash
from runtime.retrying import Stopped
from schemas import topics
from schemas.records import Event, RejectedEvent, Repetition
from tests.jobs.maintenance.processes import AtRest
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, PHONES, Placed, codec, event, insert, placed, profile, resolved
from tests.support.kinds import one_is_enough
from tests.support.rows import tuples
from tests.support.waiting import wait_until
from warehouse.client import Warehouse
from warehouse.queries.roll_ups import Hour

HOUR_MS = 3_600_000
# Some are of before 1970, of the limits of ClickHouse, and at the very beginning of an hour.
TIMES = (
    *(NOW - at * HOUR_MS // 3 for at in range(12)),
    *(-1, 0, -HOUR_MS, -HOUR_MS - 1, -2_208_988_800_000, 10_413_791_999_999),
    NOW // HOUR_MS * HOUR_MS,
)
STORED = """
SELECT source, event, toString(hour) AS begins, sum(events) AS n, uniqMerge(people) AS p, sum(bytes) AS b
FROM onefold.hourly_events WHERE workspace = {workspace:String} GROUP BY ALL ORDER BY ALL
"""
COUNTED = """
SELECT
    source, event,
    toString(subtractMilliseconds(occurred_at, positiveModulo(toUnixTimestamp64Milli(occurred_at), 3600000))) AS begins,
    count() AS n, uniq(profile_id) AS p
FROM onefold.events WHERE workspace = {workspace:String} GROUP BY ALL ORDER BY ALL
"""
LENGTH = "SELECT sum(length(body)) AS b FROM onefold.raw_events FINAL WHERE workspace = {workspace:String}"


class Killed(BaseException):
    """Ends whatever runs, as a kill does."""


class Mortal(Warehouse):
    """A client that is killed before it runs the statement after `statements`."""

    def __init__(self, warehouse: Warehouse, statements: int) -> None:
        super().__init__(warehouse.server)
        self._left = statements

    def run(self, statement: str) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
        super().run(statement)


@pytest.fixture
def warehouse(migrated: str) -> Iterator[Warehouse]:
    """A client for whose server nothing was counted yet."""
    with Warehouse(migrated) as client:
        client.run("TRUNCATE TABLE onefold.rolled_up_until")
        client.run("TRUNCATE TABLE onefold.rolled_up_hours")
        yield client


def roll_up(warehouse: Warehouse, visible_after_s: int = 0) -> str:
    return RollUp(visible_after_s).run(warehouse, 0, threading.Event())


def maintain(warehouse: Warehouse) -> None:
    Squash(AtRest()).run(warehouse, 0, threading.Event())
    roll_up(warehouse)


def check(warehouse: Warehouse, workspace: str, final: int = 1) -> None:
    parameters = {"workspace": workspace}
    stored = tuples(warehouse, f"{STORED} SETTINGS final = {final}", parameters)
    assert [row[:5] for row in stored] == tuples(warehouse, COUNTED, parameters)
    ((length,),) = tuples(warehouse, LENGTH, parameters)
    assert sum(int(str(row[5])) for row in stored) == length


class History:
    """Events that come in any order, are replayed in other blocks, are repetitions and are none any more."""

    def __init__(self, workspace: str, seed: int) -> None:
        self._workspace = workspace
        self._chance = random.Random(seed)
        self._sent: list[Placed] = []
        self._version = 0

    def step(self, warehouse: Warehouse) -> None:
        self._chance.choice((self._send, self._send, self._replay, self._say, self._merge_parts))(warehouse)

    def _send(self, warehouse: Warehouse) -> None:
        new = [self._event(len(self._sent) + at) for at in range(self._chance.randint(1, 6))]
        self._sent += new
        insert(warehouse, new)

    def _event(self, number: int) -> Placed:
        profile_id = self._chance.choice((PHONES, ADAS))
        sent = event(
            f"m{number}",
            self._workspace,
            source=self._chance.choice(("web", "app")),
            event=self._chance.choice(("Paid", "Seen", None)),
            occurred_at=self._chance.choice(TIMES),
            identifiers=(ADA if profile_id == ADAS else PHONE,),
        )
        return resolved(sent, number, profile_id)

    def _replay(self, warehouse: Warehouse) -> None:
        first = self._chance.randrange(len(self._sent) + 1)
        if replayed := self._sent[first : first + self._chance.randint(1, 9)]:
            insert(warehouse, replayed)

    def _say(self, warehouse: Warehouse) -> None:
        for said in self._chance.sample(self._sent, min(3, len(self._sent))):
            self._version += 1
            encoded = codec().encoder(Event)(said[4])  # type: ignore[arg-type]
            is_repeated = self._chance.random() < 0.7
            repetition = Repetition(self._workspace, PHONES, encoded, is_repeated, 0, self._version)
            insert(warehouse, [placed(topics.EVENTS_REPEATED, repetition, self._version)])

    def _merge_parts(self, warehouse: Warehouse) -> None:
        warehouse.run("OPTIMIZE TABLE onefold.raw_events FINAL")
        warehouse.run("OPTIMIZE TABLE onefold.rolled_up_hours FINAL")


@pytest.mark.stack
@pytest.mark.parametrize("seed", one_is_enough(range(3)))
def test_hours_say_what_their_events_say_at_every_step(warehouse: Warehouse, workspace: str, seed: int) -> None:
    history, chance = History(workspace, seed), random.Random(seed)
    for _ in range(15):
        history.step(warehouse)
        check(warehouse, workspace, chance.randint(0, 1))
        if chance.random() < 0.5:
            visible_after_s = chance.choice((0, 0, 3_600))
            with Mortal(warehouse, chance.randint(0, 3)) as mortal, suppress(Killed):
                roll_up(mortal, visible_after_s)
            check(warehouse, workspace, chance.randint(0, 1))


@pytest.mark.stack
def test_an_hour_that_was_counted_is_not_counted_again_until_something_comes(
    warehouse: Warehouse, workspace: str
) -> None:
    def uncounted() -> list[tuple[object, ...]]:
        query = "SELECT hour_number FROM onefold.uncounted_hours WHERE workspace = {workspace:String} ORDER BY ALL"
        return tuples(warehouse, query, {"workspace": workspace})

    at = NOW // HOUR_MS
    insert(
        warehouse,
        [resolved(event(f"m{hours}", workspace, occurred_at=NOW - hours * HOUR_MS), hours) for hours in (0, 1)],
    )
    assert uncounted() == [(at - 1,), (at,)]
    assert roll_up(warehouse).endswith(" hours were counted")
    assert uncounted() == []
    insert(warehouse, [resolved(event("late", workspace, occurred_at=NOW - HOUR_MS), 7)])
    assert uncounted() == [(at - 1,)]
    assert roll_up(warehouse) == "1 hour was counted"
    assert roll_up(warehouse) == "no hour has changed"


@pytest.mark.stack
def test_an_hour_with_rows_to_become_visible_is_counted_when_queried(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, [resolved(event("m1", workspace), 1)])
    assert roll_up(warehouse, 3_600).endswith("counted")
    query = "SELECT count() AS n FROM onefold.uncounted_hours WHERE workspace = {workspace:String}"
    assert tuples(warehouse, query, {"workspace": workspace}) == [(1,)]
    check(warehouse, workspace)


@pytest.mark.stack
def test_what_came_shortly_before_a_roll_up_is_counted_once_more(warehouse: Warehouse, workspace: str) -> None:
    def uncounted() -> list[tuple[object, ...]]:
        query = "SELECT hour_number FROM onefold.uncounted_hours WHERE workspace = {workspace:String} ORDER BY ALL"
        return tuples(warehouse, query, {"workspace": workspace})

    at, stop = NOW // HOUR_MS, threading.Event()
    first, second = (
        [resolved(event(f"m{hours}", workspace, occurred_at=NOW - hours * HOUR_MS), hours)] for hours in (0, 1)
    )
    roll_up = RollUp(visible_after_s=2)
    roll_up_again = RollUpAgain(roll_up)
    assert roll_up_again.run(warehouse, 0, stop) == "rows may still become visible"
    insert(warehouse, [*first, *second])
    roll_up.run(warehouse, 0, stop)
    assert uncounted() == [(at - 1,), (at,)]
    insert(warehouse, [resolved(event("later", workspace), 7)])
    wait_until(
        lambda: roll_up_again.run(warehouse, 0, stop) != "rows may still become visible", "rows that roll_up_again"
    )
    assert uncounted() == [(at,)]
    check(warehouse, workspace)
    assert roll_up_again.run(warehouse, 0, stop) == "rows may still become visible"


@pytest.mark.stack
def test_a_run_goes_on_where_one_was_killed(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, [resolved(event(f"m{at}", workspace, occurred_at=NOW - at * HOUR_MS), at) for at in range(3)])
    with Mortal(warehouse, 1) as mortal, pytest.raises(Killed):
        roll_up(mortal)
    query = "SELECT hour, version FROM onefold.rolled_up_hours WHERE workspace = {workspace:String} ORDER BY ALL"
    counted = tuples(warehouse, query, {"workspace": workspace})
    roll_up(warehouse)
    assert len(counted) == 3
    assert tuples(warehouse, query, {"workspace": workspace}) == counted
    check(warehouse, workspace)


@pytest.mark.stack
def test_a_process_that_stops_counts_no_more(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, [resolved(event("m1", workspace), 1)])
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        RollUp().run(warehouse, 0, stop)


@pytest.mark.stack
def test_people_are_those_of_now_and_again_once_their_events_were_squashed(
    warehouse: Warehouse, workspace: str
) -> None:
    def said(profile_id: str, decision: int) -> Placed:
        claimed = profile(profile_id, decision, workspace, identifiers=(PHONE,), decision=decision)
        return placed(topics.PROFILES, claimed, decision)

    insert(
        warehouse, [resolved(event("m1", workspace), 0), resolved(event("m2", workspace, identifiers=(ADA,)), 1, ADAS)]
    )
    insert(warehouse, [said(ADAS, 1)])
    check(warehouse, workspace)  # the phone is Ada's: one person
    maintain(warehouse)
    check(warehouse, workspace)
    insert(warehouse, [said(PHONES, 2)])
    maintain(warehouse)
    check(warehouse, workspace)
    # What nobody has squashed may change back, and leave no trace.
    insert(warehouse, [said(ADAS, 3), resolved(event("m3", workspace), 2)])
    roll_up(warehouse)
    insert(warehouse, [said(PHONES, 4)])
    maintain(warehouse)
    check(warehouse, workspace)


@pytest.mark.stack
def test_rejected_events_are_counted_by_reason(warehouse: Warehouse, workspace: str) -> None:
    def rejected(offset: int, reason: str, received_at: int) -> Placed:
        record = RejectedEvent(workspace, "web", reason, "no", "{}", received_at)
        return placed(topics.EVENTS_REJECTED, record, offset)

    listed = [rejected(0, "too_large", NOW), rejected(1, "too_large", NOW), rejected(2, "no_json", NOW - HOUR_MS)]
    for inputs in (listed, listed[1:]):
        insert(warehouse, inputs)
    query = (
        "SELECT reason, dateDiff('hour', hour, toDateTime64(1700000000, 3, 'UTC')) AS ago, events, bytes"
        " FROM onefold.hourly_rejections WHERE workspace = {workspace:String} ORDER BY ALL"
    )
    assert tuples(warehouse, query, {"workspace": workspace}) == [("no_json", 1, 1, 2), ("too_large", 0, 2, 4)]


def test_hours_are_counted_a_few_at_once_and_a_large_one_alone() -> None:
    hours = [Hour("w", at, 3_000_000 if at == 700 else 1) for at in range(1_000)]
    counted = list(batches(hours))
    assert [hour for batch in counted for hour in batch] == hours
    assert [len(batch) for batch in counted] == [500, 200, 1, 299]
