"""What is older than it is kept goes, of its workspace alone; all else stays, and what was counted, too."""

import threading
import uuid
from collections.abc import Iterable

import pytest

from jobs.maintenance.retention import DropOld, age_limits
from jobs.maintenance.rolling_up import RollUp
from runtime.clock import now_ms
from runtime.errors import TerminalError, TransientError
from runtime.retrying import Stopped
from schemas import topics
from schemas.records import DeadLetter, RejectedEvent
from settings import Retention, Workspace
from tests.jobs.maintenance.test_rolling_up import Killed, Mortal
from tests.sinks.examples import PHONE, PHONES, event, insert, placed, profile, resolved
from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.queries.retention import AgeLimit, retained_since
from warehouse.tables import RETAINED, TABLES

DAY = 86_400_000
# 2011-06-20 13:00, of months that no other test has events of.
NOW = 1_308_574_800_000
MIDNIGHT = NOW // DAY * DAY


def keeping(**workspaces: Retention) -> dict[str, Workspace]:
    return {name: Workspace(name, uuid.uuid4(), retention=kept) for name, kept in workspaces.items()}


def run(warehouse: Warehouse, workspaces: dict[str, Workspace], is_dry_run: bool = False) -> str:
    return DropOld(workspaces, is_dry_run).run(warehouse, NOW, threading.Event())


def hours(warehouse: Warehouse, workspace: str) -> list[tuple[object, ...]]:
    """How many days ago something happened, and how much, as `hourly_events` has it."""
    query = (
        "SELECT dateDiff('day', hour, toDateTime64({now:Float64}, 3, 'UTC')) AS ago, events"
        " FROM onefold.hourly_events WHERE workspace = {w:String} ORDER BY ago"
    )
    return tuples(warehouse, query, {"w": workspace, "now": str(NOW / 1_000)})


def write(warehouse: Warehouse, workspace: str, days: Iterable[float]) -> None:
    """An event for each, so many days ago."""
    inputs = [
        resolved(event(f"m{ago}", workspace, occurred_at=NOW - int(ago * DAY)), at) for at, ago in enumerate(days)
    ]
    insert(warehouse, inputs)


def ids(warehouse: Warehouse, workspace: str) -> list[object]:
    query = "SELECT message_id FROM onefold.events WHERE workspace = {w:String} ORDER BY occurred_at DESC"
    return [row[0] for row in tuples(warehouse, query, {"w": workspace})]


def months(warehouse: Warehouse) -> set[object]:
    query = "SELECT DISTINCT partition_id FROM system.parts WHERE active AND table = 'raw_events'"
    return {row[0] for row in tuples(warehouse, query)}


def test_the_settings_name_what_the_tables_say_can_grow_old() -> None:
    assert set(Retention.__struct_fields__) == RETAINED.keys()
    for table in RETAINED.values():
        assert table.retained is not None
        assert table.retained.column in {column.name for column in table.columns}
    never = {"profiles", "identifiers", "profile_overrides", "segment_members", "links", "link_log", "identity_changes"}
    assert all(TABLES[name].retained is None for name in never)


def test_days_end_at_midnight_and_what_is_nobodys_is_kept_as_long_as_by_any() -> None:
    both = keeping(a=Retention(dead_letters="30d", events="1d"), b=Retention(dead_letters="90d", events="forever"))
    found = age_limits(both, NOW)
    assert found["dead_letters"] == [
        AgeLimit("a", MIDNIGHT - 30 * DAY), AgeLimit("b", MIDNIGHT - 90 * DAY), AgeLimit("", MIDNIGHT - 90 * DAY),
    ]  # fmt: skip
    assert found["events"] == [AgeLimit("a", MIDNIGHT - DAY)]
    assert age_limits(keeping(a=Retention(events="99999d")), NOW)["events"][0] == AgeLimit("a", -25_567 * DAY)


@pytest.mark.stack
def test_everything_is_kept_unless_the_settings_say_otherwise(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, [0, 4_000])
    assert run(warehouse, keeping(**{workspace: Retention()})) == "nothing is older than it is kept"
    assert run(warehouse, keeping(**{workspace: Retention(deliveries="forever")})) == "everything is kept for ever"
    assert len(ids(warehouse, workspace)) == 2


@pytest.mark.stack
def test_months_that_are_over_go_as_partitions_and_then_days(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, [0, 29, 29.6, 30.5, 31, 60, 90])
    write(warehouse, workspace, [90])  # once more is not one more
    assert {"201103", "201104", "201105"} <= months(warehouse)
    assert run(warehouse, keeping(**{workspace: Retention(events="30d")})) == (
        f"dropped 3 rows of events of '{workspace}' before 2011-05-21"
    )
    assert ids(warehouse, workspace) == ["m0", "m29", "m29.6", "m30.5"]
    assert not {"201103", "201104"} & months(warehouse)
    assert retained_since(warehouse, workspace) == {"events": MIDNIGHT - 30 * DAY}
    assert run(warehouse, keeping(**{workspace: Retention(events="30d")})) == "nothing is older than it is kept"


@pytest.mark.stack
def test_a_month_stays_while_another_workspace_has_it(warehouse: Warehouse, workspace: str) -> None:
    other, unlisted = f"{workspace}-2", f"{workspace}-3"
    for name in (workspace, other, unlisted):
        write(warehouse, name, [0, 150, 190])
    both = keeping(**{workspace: Retention(events="100d"), other: Retention(events="160d")})
    run(warehouse, both)
    assert [ids(warehouse, name) for name in (workspace, other)] == [["m0"], ["m0", "m150"]]
    assert ids(warehouse, unlisted) == ["m0", "m150", "m190"]
    assert "201012" in months(warehouse)
    assert retained_since(warehouse, unlisted) == {}


@pytest.mark.stack
def test_deleted_events_leave_the_disk_when_their_month_is_over(warehouse: Warehouse, workspace: str) -> None:
    def on_disk(month: str) -> tuple[object, ...]:
        query = (
            "SELECT sum(rows) AS stored, max(has_lightweight_delete) AS marked FROM system.parts"
            " WHERE active AND table = 'raw_events' AND partition_id = {month:String}"
        )
        return tuples(warehouse, query, {"month": month})[0]

    other = f"{workspace}-2"
    for name in (workspace, other):
        write(warehouse, name, [250, 260, 270, 280])  # 2010-10-13, -03, and 2010-09-23, -13
    run(warehouse, keeping(**{workspace: Retention(events="255d"), other: Retention(events="forever")}))
    assert ids(warehouse, workspace) == ["m250"]
    assert on_disk("201009") == (2, 0)
    assert on_disk("201010") == (4, 1)


@pytest.mark.stack
def test_each_table_goes_by_its_own_time(warehouse: Warehouse, workspace: str) -> None:
    def rejected(days: int) -> RejectedEvent:
        return RejectedEvent(workspace, "web", "too_large", "no", "{}", NOW - days * DAY)

    def letter(name: str, days: int, of: str | None) -> DeadLetter:
        return DeadLetter(name, "events", 0, 1, "sink", "invalid", NOW - days * DAY, workspace=of)

    insert(warehouse, [placed(topics.EVENTS_REJECTED, rejected(days), days) for days in (5, 50)])
    letters = [letter(f"{workspace}-{days}-{of}", days, of) for days in (5, 50) for of in (workspace, None)]
    insert(warehouse, [placed(topics.EVENTS_DEAD, each, at) for at, each in enumerate(letters)])
    insert(warehouse, [placed(topics.PROFILES, profile(PHONES, 1, workspace, identifiers=(PHONE,), updated_at=1), 0)])
    write(warehouse, workspace, [0, 50])
    said = run(warehouse, keeping(**{workspace: Retention(rejected_events="10d", dead_letters="20d")}))
    assert f"1 row of rejected_events of '{workspace}' before 2011-06-10" in said
    assert f"1 row of dead_letters of '{workspace}' before 2011-05-31" in said
    assert "1 row of dead_letters of no workspace before 2011-05-31" in said
    query = "SELECT dead_id FROM onefold.dead_letters WHERE startsWith(dead_id, {w:String}) ORDER BY ALL"
    assert tuples(warehouse, query, {"w": workspace}) == [(f"{workspace}-5-None",), (f"{workspace}-5-{workspace}",)]
    assert ids(warehouse, workspace) == ["m0", "m50"]
    assert len(tuples(warehouse, "SELECT 1 FROM onefold.profiles WHERE workspace = {w:String}", {"w": workspace})) == 1


@pytest.mark.stack
def test_a_dry_run_says_the_same_and_drops_nothing(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, [0, 31, 90])
    kept = keeping(**{workspace: Retention(events="30d")})
    said = run(warehouse, kept, is_dry_run=True)
    assert ids(warehouse, workspace) == ["m0", "m31", "m90"]
    assert retained_since(warehouse, workspace) == {}
    assert said.removeprefix("would drop") == run(warehouse, kept).removeprefix("dropped")


@pytest.mark.stack
@pytest.mark.parametrize("statements", range(4))
def test_killed_anywhere_it_is_done_by_the_next_run(warehouse: Warehouse, workspace: str, statements: int) -> None:
    write(warehouse, workspace, [0, 31, 32, 90, 130])
    kept = keeping(**{workspace: Retention(events="30d")})
    with Mortal(warehouse, statements) as mortal, pytest.raises(Killed):
        run(mortal, kept)
    run(warehouse, kept)
    assert ids(warehouse, workspace) == ["m0"]
    assert retained_since(warehouse, workspace) == {"events": MIDNIGHT - 30 * DAY}


@pytest.mark.stack
def test_a_process_that_stops_drops_no_more(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, [0, 31])
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        DropOld(keeping(**{workspace: Retention(events="30d")})).run(warehouse, NOW, stop)
    assert len(ids(warehouse, workspace)) == 2


@pytest.mark.stack
def test_what_was_counted_of_dropped_events_stays_until_its_own_time(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, [0, 40, 90])
    RollUp(0).run(warehouse, NOW, threading.Event())
    run(warehouse, keeping(**{workspace: Retention(events="30d")}))
    assert hours(warehouse, workspace) == [(0, 1), (40, 1), (90, 1)]
    write(warehouse, workspace, [0.01, 40.01])  # late, and where nobody knows any more what there was
    assert hours(warehouse, workspace) == [(0, 1), (0, 1), (40, 1), (90, 1)]
    RollUp(0).run(warehouse, NOW, threading.Event())
    assert hours(warehouse, workspace) == [(0, 1), (0, 1), (40, 1), (90, 1)]
    run(warehouse, keeping(**{workspace: Retention(events="30d", hourly_events="60d")}))
    assert hours(warehouse, workspace) == [(0, 1), (0, 1), (40, 1)]


@pytest.mark.stack
def test_what_no_hour_has_yet_is_not_dropped(warehouse: Warehouse, workspace: str) -> None:
    """As when the roll-up before it has failed."""
    today = now_ms()
    step = DropOld(keeping(**{workspace: Retention(events="30d", sessions="30d")}))
    write(warehouse, workspace, [40])
    RollUp(0).run(warehouse, today, threading.Event())
    write(warehouse, workspace, [40.01, 80])
    with pytest.raises(TransientError, match=f"hours of '{workspace}' before .* are to be counted first"):
        step.run(warehouse, today + DAY, threading.Event())
    assert retained_since(warehouse, workspace) == {}
    assert [events for _, events in hours(warehouse, workspace)] == [1, 1, 1]
    RollUp().run(warehouse, today, threading.Event())  # rows of these hours may still become visible
    assert step.run(warehouse, today + DAY, threading.Event()).startswith("dropped 3 rows of events")
    assert ids(warehouse, workspace) == []
    assert [events for _, events in hours(warehouse, workspace)] == [1, 1, 1]
    write(warehouse, workspace, [40.02])  # of a time whose hours stay as they are
    assert step.run(warehouse, today + DAY, threading.Event()).startswith("dropped 1 row of events")


@pytest.mark.stack
def test_a_clock_that_runs_ahead_costs_no_rows(warehouse: Warehouse, workspace: str) -> None:
    present = now_ms()
    insert(warehouse, [resolved(event("m1", workspace, occurred_at=present, received_at=present), 1)])
    kept = keeping(**{workspace: Retention(events="30d")})
    DropOld(kept).run(warehouse, present + 4_000 * DAY, threading.Event())
    assert ids(warehouse, workspace) == ["m1"]


@pytest.mark.stack
def test_a_table_of_which_nothing_can_be_dropped_keeps_no_other_one(warehouse: Warehouse, workspace: str) -> None:
    class Refusing(Warehouse):
        """A client that may change no rejected events."""

        def run(self, statement: str) -> None:
            if "rejected_events" in statement:
                raise TerminalError("refused")
            super().run(statement)

    rejected = RejectedEvent(workspace, "web", "too_large", "no", "{}", NOW - 50 * DAY)
    letter = DeadLetter(workspace, "events", 0, 1, "sink", "invalid", NOW - 50 * DAY, workspace=workspace)
    insert(warehouse, [placed(topics.EVENTS_REJECTED, rejected, 1)])
    insert(warehouse, [placed(topics.EVENTS_DEAD, letter, 1)])
    kept = keeping(**{workspace: Retention(rejected_events="10d", dead_letters="10d")})
    said = f"rejected_events: refused; dropped 1 row of dead_letters of '{workspace}'"
    with Refusing(warehouse.server) as refusing, pytest.raises(TransientError, match=said):
        run(refusing, kept)
    assert tuples(warehouse, "SELECT 1 FROM onefold.dead_letters WHERE workspace = {w:String}", {"w": workspace}) == []
