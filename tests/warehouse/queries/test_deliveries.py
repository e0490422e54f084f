"""Attempts are found by what people know of them, and a change has the fate of the attempt that came last."""

import pytest

from schemas.records import DeliveryAttempt
from tests.sinks.examples import NOW, PHONES, insert
from tests.support.deliveries import activation, attempt, placed_attempt
from warehouse.client import Warehouse
from warehouse.queries.deliveries import ChosenAttempts, DeliveryLog

pytestmark = pytest.mark.stack


def write(warehouse: Warehouse, *records: DeliveryAttempt) -> None:
    insert(warehouse, [placed_attempt(record, at) for at, record in enumerate(records)])


def replayed(deliveries: DeliveryLog, at_once: int = 500, **chosen: object) -> list[str]:
    wanted = ChosenAttempts(**({"destination": "mail", "outcome": "refused"} | chosen))  # type: ignore[arg-type]
    found = [each.delivery_id for some in deliveries.replayable(wanted, at_once) for each in some]
    assert deliveries.replayable_count(wanted) == len(found)
    return found


@pytest.fixture
def deliveries(warehouse: Warehouse, workspace: str) -> DeliveryLog:
    write(
        warehouse,
        attempt("d1", "retry", workspace, reason="throttled", due_at=NOW + 9, status=429),
        attempt("d1", "delivered", workspace, attempt=2, attempted_at=NOW + 10, request="{}", answer="ok"),
        attempt("d2", "refused", workspace, reason="rejected", attempted_at=NOW + 20, profile_id=PHONES),
        attempt("d3", "suppressed", workspace, reason="no_consent", attempt=0, attempted_at=NOW + 30),
        attempt("d4", "delivered", workspace, destination="ads", attempted_at=NOW + 40),
        attempt("d5", "delivered", f"{workspace}-2", attempted_at=NOW + 50),
    )
    return DeliveryLog(warehouse, workspace)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (ChosenAttempts(), ["d4", "d3", "d2", "d1", "d1"]),
        (ChosenAttempts(destination="mail"), ["d3", "d2", "d1", "d1"]),
        (ChosenAttempts("mail", ("ads", "x' OR 1")), ["d4", "d3", "d2", "d1", "d1"]),
        (ChosenAttempts(outcome="delivered"), ["d4", "d1"]),
        (ChosenAttempts(reason="rejected"), ["d2"]),
        (ChosenAttempts(since=NOW + 10, until=NOW + 30), ["d2", "d1"]),
        (ChosenAttempts(profile_ids=(PHONES, "nobody")), ["d2"]),
        (ChosenAttempts(destination="nowhere"), []),
    ],
)
def test_attempts_are_found_by_what_is_known_of_them_the_latest_first(
    deliveries: DeliveryLog, chosen: ChosenAttempts, expected: list[str]
) -> None:
    whole = deliveries.attempts(chosen, 100)
    assert ([each.delivery_id for each in whole.rows], whole.next) == (expected, None)
    paged, cursor = [], ""
    while True:
        page = deliveries.attempts(chosen, 1, cursor)
        paged += page.rows
        if page.next is None:
            break
        cursor = page.next
    assert paged == whole.rows


def test_a_delivery_has_all_its_attempts_and_so_has_its_change(deliveries: DeliveryLog) -> None:
    attempts = deliveries.whole("d1")
    assert [(each.attempt, each.outcome, each.status) for each in attempts] == [
        (1, "retry", 429),
        (2, "delivered", None),
    ]
    assert (attempts[1].request, attempts[1].answer) == ("{}", "ok")
    assert deliveries.whole("c-d1") == attempts
    assert deliveries.whole("nothing") == []


def test_what_is_written_twice_is_one_attempt(warehouse: Warehouse, workspace: str) -> None:
    record = attempt("d1", "delivered", workspace)
    write(warehouse, record)
    insert(warehouse, [placed_attempt(record, 9)])
    assert len(DeliveryLog(warehouse, workspace).whole("d1")) == 1


def test_what_has_ended_otherwise_since_is_not_replayed(warehouse: Warehouse, workspace: str) -> None:
    def refused(number: int, **fields: object) -> DeliveryAttempt:
        return attempt(f"d{number}", "refused", workspace, reason="rejected", attempted_at=NOW + number, **fields)

    write(
        warehouse,
        *(refused(number, happened_at=NOW - number) for number in range(1, 6)),
        attempt("d1", "delivered", workspace, attempt=2, attempted_at=NOW + 100),
        # By another mapping it is another delivery of the same change.
        attempt("d2-new", "delivered", workspace, activation_id="c-d2", attempted_at=NOW + 100),
        attempt("d3", "retry", workspace, reason="replayed", attempted_at=NOW + 4),
        attempt("d6", "suppressed", workspace, reason="no_consent"),
        attempt("d7", "refused", workspace, reason="expired", activation=None),
    )
    deliveries = DeliveryLog(warehouse, workspace)
    assert replayed(deliveries) == ["d5", "d4"]
    assert replayed(deliveries, at_once=1) == ["d5", "d4"]
    assert replayed(deliveries, since=NOW + 5) == ["d5"]
    assert replayed(deliveries, reason="too_large") == []
    assert replayed(deliveries, profile_ids=(PHONES,)) == []
    assert replayed(deliveries, outcome="suppressed") == ["d6"]
    (some,) = deliveries.replayable(ChosenAttempts(destination="mail", outcome="suppressed"), 10)
    assert some[0].activation == activation("c-d6", workspace)


def test_what_was_refused_under_a_former_name_is_replayed_unless_it_has_ended_otherwise_under_the_new_one(
    warehouse: Warehouse, workspace: str
) -> None:
    write(
        warehouse,
        *(attempt(f"d{number}", "refused", workspace, destination="crm") for number in (1, 2)),
        attempt("d1", "delivered", workspace, attempt=2, attempted_at=NOW + 9, destination="new", kept_as="crm"),
        attempt("d9", "refused", workspace),
    )
    deliveries = DeliveryLog(warehouse, workspace)
    assert replayed(deliveries, destination="new") == replayed(deliveries, destination="crm") == ["d2"]
    assert replayed(deliveries, destination="newest") == []
    assert replayed(deliveries, destination="newest", kept_as="crm") == ["d2"]


def test_destinations_are_those_of_which_there_are_deliveries(deliveries: DeliveryLog) -> None:
    assert deliveries.destinations() == ["ads", "mail"]
