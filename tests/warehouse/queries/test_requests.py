"""What was published about an operator's request, and about the numbered ones that it was cut into."""

import pytest

from schemas import topics
from schemas.records import Claim, Claimant, IdentityChange
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, insert, placed
from warehouse.client import Warehouse
from warehouse.queries.requests import changes_of

pytestmark = pytest.mark.stack


def test_the_changes_of_a_request_come_in_order_with_their_rebuilds(warehouse: Warehouse, workspace: str) -> None:
    claimants = (Claimant(ADAS, (Claim("user_id", "ada"),)),)
    changes = [
        IdentityChange(workspace, 8, "rebuilt", NOW + 9, "r1", claimants=claimants, events=3, milliseconds=20),
        IdentityChange(
            workspace, 8, "unmerged", NOW, "r1", identifiers=(ADA, PHONE), claimants=claimants, reason="why"
        ),
        IdentityChange(workspace, 7, "nothing", NOW, "r1-2", reason="unknown"),
        IdentityChange(workspace, 6, "merged", NOW, "r10"),
        IdentityChange(workspace, 5, "merged", NOW, "r2"),
    ]
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, change, at) for at, change in enumerate(changes)])
    nothing, unmerged, rebuilt = changes_of(warehouse, workspace, "r1")
    assert (nothing.request_id, nothing.kind, nothing.reason) == ("r1-2", "nothing", "unknown")
    assert (unmerged.kind, unmerged.reason, unmerged.claimants) == ("unmerged", "why", claimants)
    assert (rebuilt.kind, rebuilt.events, rebuilt.milliseconds) == ("rebuilt", 3, 20)
    assert unmerged.occurred_at == NOW


def test_of_a_request_that_nobody_has_heard_of_nothing_was_published(warehouse: Warehouse, workspace: str) -> None:
    assert changes_of(warehouse, workspace, "r1") == ()
