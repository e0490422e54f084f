"""The view of fates says of each event and each delivery where it ended."""

import pytest

from schemas import topics
from schemas.records import DeadLetter, DeliveryAttempt, RejectedEvent
from tests.sinks.examples import NOW, event, insert, placed, resolved
from tests.support.deliveries import attempt, placed_attempt
from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.queries.fates import Counted, Fates

pytestmark = pytest.mark.stack


def renamed_while_it_waits(workspace: str) -> list[DeliveryAttempt]:
    """Of one that was called otherwise, and whose mapping was changed together with its name."""
    given: dict[str, object] = {"activation_id": "c-d4", "kept_as": "crm"}
    return [
        attempt("d4", "retry", workspace, reason="unavailable", due_at=NOW + 8, destination="crm", **given),
        attempt("d5", "retry", workspace, attempt=2, attempted_at=NOW + 3, due_at=NOW + 8, destination="new", **given),
        attempt("d5", "delivered", workspace, attempt=3, attempted_at=NOW + 5, destination="new", **given),
        attempt("d6", "superseded", workspace, reason="newer", destination="ads", activation_id="c-d4"),
    ]


def test_each_event_and_each_delivery_is_where_it_ended_last(warehouse: Warehouse, workspace: str) -> None:
    dead = DeadLetter(f"{workspace}-dead", topics.EVENTS, 0, 1, "resolve", "bad_magic", NOW, workspace)
    rejected = RejectedEvent(workspace, "web", "too_large", "no", "{}", NOW)
    attempts = [
        attempt("d1", "retry", workspace, reason="throttled", due_at=NOW + 9),
        attempt("d1", "delivered", workspace, attempt=2, attempted_at=NOW + 5),
        attempt("d2", "suspended", workspace, reason="unauthorised", due_at=NOW + 7),
        attempt("d3", "suppressed", workspace, reason="no_consent", attempt=0),
        *renamed_while_it_waits(workspace),
    ]
    insert(
        warehouse,
        [
            resolved(event("m1", workspace), 0),
            resolved(event("m1", workspace, occurred_at=NOW - 9), 1),
            placed(topics.EVENTS_REJECTED, rejected, 0),
            placed(topics.EVENTS_DEAD, dead, 0),
            *(placed_attempt(record, at) for at, record in enumerate(attempts)),
        ],
    )
    query = """
    SELECT subject, name, id, fate, reason, ifNull(toUnixTimestamp64Milli(due_at), 0) AS due_at FROM onefold.fates
    WHERE workspace = {w:String} ORDER BY subject, fate, id
    """
    assert tuples(warehouse, query, {"w": workspace}) == [
        ("delivery", "mail", "c-d1", "delivered", "", 0),
        ("delivery", "new", "c-d4", "delivered", "", 0),
        ("delivery", "ads", "c-d4", "superseded", "newer", 0),
        ("delivery", "mail", "c-d3", "suppressed", "no_consent", 0),
        ("delivery", "mail", "c-d2", "waiting", "unauthorised", NOW + 7),
        ("event", topics.EVENTS, f"{workspace}-dead", "dead", "bad_magic", 0),
        ("event", "web", "m1", "folded", "", 0),
        ("event", "web", "", "rejected", "too_large", 0),
    ]


def test_the_last_attempt_under_any_name_of_a_destination_counts(warehouse: Warehouse, workspace: str) -> None:
    of_before = attempt("d1", "retry", workspace, reason="throttled", due_at=NOW + 9, destination="crm")
    records = [of_before, *renamed_while_it_waits(workspace)]
    insert(warehouse, [placed_attempt(record, at) for at, record in enumerate(records)])
    fates = Fates(warehouse, workspace)
    assert fates.counted(("crm", "new"), NOW) == [
        Counted("delivered", "", 1, None),
        Counted("retry", "throttled", 1, NOW + 9),
    ]
    assert fates.counted(("ads",), NOW) == [Counted("superseded", "newer", 1, None)]
    assert fates.counted(("crm", "new"), NOW + 4) == [Counted("delivered", "", 1, None)]
