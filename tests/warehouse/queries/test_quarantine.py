"""What waits for a review, from the tables that the sink fills."""

import pytest

from schemas import topics
from tests.sinks.examples import insert, placed
from tests.sinks.history import named, profile_of, tie
from warehouse.client import Warehouse
from warehouse.queries.quarantine import find_quarantine

pytestmark = pytest.mark.stack


def test_what_waits_is_listed_with_reason_event_and_both_profiles(warehouse: Warehouse, family_workspace: str) -> None:
    (waiting,) = find_quarantine(warehouse, family_workspace).waiting
    assert (waiting.reason, waiting.message_id, waiting.type, waiting.source) == ("fan_in", "c4", "identify", "calls")
    sides = [(side.namespace, side.profile_id) for side in (waiting.left, waiting.right)]
    assert sides == [
        ("phone", profile_of("phone:+498001000")),
        ("email", profile_of("email:caller4@example.com")),
    ]


def test_a_quarantine_is_listed_by_decision_up_to_its_limit(warehouse: Warehouse, workspace: str) -> None:
    phone = named("phone:+498001000")
    links = [tie(workspace, phone, named(f"email:{9 - at}"), at, status="waiting") for at in range(1, 9)]
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(reversed(links))])
    found = find_quarantine(warehouse, workspace, limit=5)
    assert ([one.decision for one in found.waiting], found.cut) == ([1, 2, 3, 4, 5], True)
    assert {one.left.profile_id for one in found.waiting} == {None}
