"""Verification tells real differences, with reasons, from what is on its way."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import click
import pytest

from definitions.model import (
    AllOf,
    Call,
    Comparison,
    Definitions,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    Segment,
    TraitComparison,
    Window,
)
from onefold.commands.verify import reason_lines, write_gauges
from onefold.verification import Reason, Verification, Verified, shown
from runtime.kafka.partitions import partition_of
from schemas.identity import profile_key
from settings import Workspace
from settings.workspaces import Clock
from tests.definitions.naive.lives import Happened
from tests.definitions.populations import person, record
from tests.warehouse.queries.test_definition_differences import entered, known, publish
from warehouse.client import Warehouse

NOW = 1_700_000_000_000
HOUR = 3_600_000
BOUGHT = EventMatcher((Call("track", "Buy"),))
ADA, BOB = person(1), person(2)
PRO = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
DEFINITIONS = Definitions(
    (
        Segment("pros", AllOf((EventCount(BOUGHT, Window()), Not(PRO)))),
        Segment("fresh", EventCount(BOUGHT, Window(HOUR))),
        Segment("tills", EventCount(BOUGHT, Window()), kind="device"),
    )
)


def verification(  # noqa: PLR0913, PLR0917 - a verification, field by field
    warehouse: Warehouse,
    workspace: str,
    lives_on: Clock = "wall",
    sleep: Callable[[float], None] = lambda _: None,
    partitions: int = 3,
    clock: int | None = None,
) -> Verification:
    described = Workspace(workspace, uuid4(), lives_on)
    return Verification(warehouse, DEFINITIONS, described, "person", partitions, clock, sleep)


def buy(warehouse: Warehouse, workspace: str, **times: int) -> None:
    histories = {
        {"ada": ADA, "bob": BOB}[name]: [Happened(at, "track", "Buy", message_id="m")] for name, at in times.items()
    }
    record(warehouse, workspace, histories)
    publish(warehouse, [known(workspace, profile_id, {}, at) for profile_id, (at, *_) in _firsts(histories)], [])


def _firsts(histories: dict[str, list[Happened]]) -> list[tuple[str, Happened]]:
    return [(profile_id, events[0]) for profile_id, events in histories.items()]


def test_all_agree_at_once(warehouse: Warehouse, workspace: str) -> None:
    buy(warehouse, workspace, ada=NOW)
    publish(warehouse, [], [entered(workspace, ADA, "pros")], 10)

    def sleep(_: float) -> None:
        pytest.fail("there is nothing to wait for")

    verified = verification(warehouse, workspace, sleep=sleep).verify(3)
    assert (verified.differences, verified.moving, verified.segments) == ((), 0, 2)


def test_a_difference_that_stays_is_told_with_the_parts_of_its_condition(warehouse: Warehouse, workspace: str) -> None:
    buy(warehouse, workspace, ada=NOW, bob=NOW)
    publish(warehouse, [], [entered(workspace, BOB, "pros"), entered(workspace, BOB, "fresh")], 10)
    verified = verification(warehouse, workspace).verify(3)
    ada, bob = sorted(verified.differences, key=lambda each: each.profile_id)
    assert (ada.profile_id, ada.missing, ada.surplus) == (ADA, ("pros",), ())
    bought, pro = Reason("at least 1 Buy", True), Reason('trait plan is "pro"', False)
    assert ada.reasons["pros"] == Reason("all of", True, (bought, Reason("not", True, (pro,))))
    assert reason_lines(ada.reasons["pros"], "") == [
        "yes all of",
        "  yes at least 1 Buy",
        "  yes not",
        '    no  trait plan is "pro"',
    ]
    assert (bob.profile_id, bob.missing, bob.surplus) == (BOB, (), ("fresh",))
    assert bob.reasons["fresh"] == Reason("at least 1 Buy within 1h", False)
    assert [verified.count(name) for name in ("pros", "fresh")] == [1, 1]


def test_what_was_on_its_way_is_no_difference(warehouse: Warehouse, workspace: str) -> None:
    buy(warehouse, workspace, ada=NOW)
    waits: list[float] = []

    def sleep(pause_s: float) -> None:
        waits.append(pause_s)
        publish(warehouse, [], [entered(workspace, ADA, "pros")], 10)

    assert verification(warehouse, workspace, sleep=sleep).verify(3).differences == ()
    assert len(waits) == 1


def test_on_the_event_clock_each_partition_has_its_time(warehouse: Warehouse, workspace: str) -> None:
    keys = [profile_key(workspace, each) for each in (ADA, BOB)]
    partitions = next(many for many in range(2, 99) if len({partition_of(key, many) for key in keys}) == 2)
    buy(warehouse, workspace, ada=NOW, bob=NOW + 2 * HOUR)
    names = [(ADA, "pros"), (ADA, "fresh"), (BOB, "pros"), (BOB, "fresh")]
    publish(warehouse, [], [entered(workspace, *each) for each in names], 10)
    verified = verification(warehouse, workspace, "event", partitions=partitions).verify(3)
    assert (verified.differences, verified.as_of) == ((), NOW + 2 * HOUR)
    moved_on = verification(warehouse, workspace, "event", partitions=partitions, clock=NOW + HOUR)
    (found,) = moved_on.verify(3).differences
    assert (found.profile_id, found.surplus) == (ADA, ("fresh",))
    assert not found.reasons["fresh"].holds


def test_gauges_are_written_whole_or_it_is_said_in_a_line_why_not(tmp_path: Path) -> None:
    verified = Verified("main", "person", NOW, 1, 0, 0, ())
    write_gauges(tmp_path / "onefold.prom", [verified])
    said = (tmp_path / "onefold.prom").read_text()
    assert 'onefold_definitions_differing{workspace="main",kind="person"} 0\n' in said
    with pytest.raises(click.ClickException, match=r"missing/onefold\.prom cannot be written: No such file"):
        write_gauges(tmp_path / "missing" / "onefold.prom", [verified])


def test_times_are_shown_in_iso_8601() -> None:
    verified = Verified("main", "person", NOW, 1, 0, 0, (), NOW - HOUR)
    times = {"as_of": "2023-11-14T22:13:20.000Z", "events_since": "2023-11-14T21:13:20.000Z"}
    assert shown(verified).items() >= times.items()
