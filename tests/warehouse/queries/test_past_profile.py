"""What was published of definitions: since when somebody is a member, when a trigger fired; times in one form."""

import pytest

from schemas import topics
from schemas.records import FiredTrigger
from tests.sinks.examples import ADA, ADAS, NOW, change, insert, placed
from warehouse.client import Warehouse
from warehouse.queries.across import past_firings
from warehouse.queries.past_profile import find_firings, find_membership

pytestmark = pytest.mark.stack

NOW_TEXT = "2023-11-14T22:13:20.123Z"


def test_times_are_iso_8601_with_milliseconds(warehouse: Warehouse, workspace: str) -> None:
    fired = [
        FiredTrigger(workspace, "f1", "thanks", NOW, "m1", 1, "{}", ADAS, (ADA,), "person", NOW),
        FiredTrigger(workspace, "f2", "thanks", NOW, "", 1, "{}", decided_at=NOW, across='"1"'),
        FiredTrigger(workspace, "f3", "thanks", NOW + 1, "", 1, "{}", decided_at=NOW, across="1"),
        FiredTrigger(workspace, "f4", "thanks", NOW + 2, "", 1, "{}", decided_at=NOW, across='""'),
        FiredTrigger(workspace, "f5", "thanks", NOW + 3, "", 1, "{}", decided_at=NOW),
    ]
    insert(warehouse, [placed(topics.SEGMENTS, change("c1", 1, "entered", workspace), 0)])
    insert(warehouse, [placed(topics.TRIGGERS, firing, at) for at, firing in enumerate(fired)])
    assert find_membership(warehouse, workspace, ADAS, "buyers") == NOW_TEXT
    assert [firing["fired_at"] for firing in find_firings(warehouse, workspace, ADAS, "thanks")] == [NOW_TEXT]
    across = past_firings(warehouse, workspace, "thanks")
    assert [firing.value for firing in across] == [None, "", 1, "1"], "a text and a number of the same digits are two"
    assert across[-1].fired_at == NOW_TEXT
