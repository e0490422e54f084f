"""What the demo shows of its shop: figures, one person, the tablet of a family, and segments."""

import msgspec
import pytest

from runtime.clock import now_ms
from schemas import topics
from schemas.records import FiredTrigger, SegmentChange
from tests.sinks.examples import ADA, ADAS, insert, placed, profile, session
from tests.sinks.history import family, profile_of
from warehouse.client import Warehouse
from warehouse.queries.demo import (
    ShopCounts,
    latest_happenings,
    owners_of,
    richest_person,
    shop_counts,
    users_of_device,
)

pytestmark = pytest.mark.stack


def test_a_workspace_is_counted(warehouse: Warehouse, person: str) -> None:
    insert(warehouse, [placed(topics.SESSIONS, session("open", 1, person), 40)])
    assert shop_counts(warehouse, person) == ShopCounts(profiles=1, events=24, open_sessions=1)
    assert shop_counts(warehouse, f"{person}x") == ShopCounts(0, 0, 0)


def test_the_person_with_the_most_identifiers_is_shown(warehouse: Warehouse, person: str) -> None:
    insert(warehouse, [placed(topics.PROFILES, profile("busy", 1, person, identifiers=(ADA,), events=99), 40)])
    found = richest_person(warehouse, person)
    assert found is not None
    assert (found.profile_id, found.identifiers[0], found.segments) == (ADAS, "user_id:ada", ("buyers",))
    assert (found.traits, found.events, found.first) == ('{"plan": "pro"}', 24, "2023-11-14T22:13:20.123Z")
    assert richest_person(warehouse, f"{person}x") is None


def test_a_tablet_is_shown_with_its_users(warehouse: Warehouse, workspace: str) -> None:
    family(workspace).write(warehouse)
    assert users_of_device(warehouse, workspace, "tablet") == 2
    assert users_of_device(warehouse, workspace, "nothing") == 0
    owners = owners_of(warehouse, workspace, "laptop", "ada", "ben")
    ada, ben = profile_of("user_id:ada"), profile_of("user_id:ben")
    assert {(owner.identifier, owner.profile_id) for owner in owners} == {
        ("user_id:ada", ada), ("user_id:ben", ben), ("anonymous_id:laptop", ada),
    }  # fmt: skip
    assert owners[-1].identifier == "anonymous_id:laptop"


def test_the_changes_of_the_last_minute_say_who_and_why(warehouse: Warehouse, workspace: str) -> None:
    now = now_ms()
    new = SegmentChange(workspace, "c1", ADAS, "buyers", "entered", now, "m1", 1, (ADA,))
    due = msgspec.structs.replace(new, change_id="c2", change="exited", changed_at=now + 1, cause="deadline")
    old = msgspec.structs.replace(new, change_id="c3", changed_at=now - 600_000)
    insert(warehouse, [placed(topics.SEGMENTS, change, at) for at, change in enumerate((new, due, old))])
    crowd = FiredTrigger(workspace, "t1", "spike", now + 2, "tick", 0, "{}", across='"shoe"')
    payments = msgspec.structs.replace(crowd, trigger_id="t2", fired_at=now + 3, across=None)
    insert(warehouse, [placed(topics.TRIGGERS, each, at) for at, each in enumerate((crowd, payments))])
    assert [row[1:] for row in latest_happenings(warehouse, workspace)] == [
        ("spike", "fired", "", "time"),
        ("spike", "fired", "shoe", "time"),
        ("buyers", "exited", "user_id:ada", "time"),
        ("buyers", "entered", "user_id:ada", "an event"),
    ]
