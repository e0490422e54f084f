"""A change has one fate at a destination, whatever the destination was called at an attempt."""

from api.explaining_deliveries import at_destinations
from schemas.records import DeliveryOutcome
from warehouse.queries.deliveries import WholeAttempt


def tried(
    delivery_id: str, destination: str, attempt: int, outcome: DeliveryOutcome, kept_as: str = "crm"
) -> WholeAttempt:
    at = f"2027-01-15T08:00:0{attempt}.000Z"
    return WholeAttempt(delivery_id, destination, "segment", "buyers", "entered", "c", "p", "person", at, attempt,
                        outcome, "", "", at, 0, None, None, "", "", "f", 1, kept_as)  # fmt: skip


def test_a_delivery_that_waited_while_its_destination_was_renamed_is_one() -> None:
    first, mail = tried("d1", "crm", 1, "retry"), tried("d9", "mail", 1, "suppressed", "mail")
    renamed, mapped = tried("d1", "crm_new", 2, "retry"), tried("d2", "crm_new", 3, "delivered")
    found = at_destinations([first, mail, renamed, mapped])
    assert [(each.destination, each.fate, each.attempts) for each in found] == [
        ("crm_new", "delivered", (first, renamed, mapped)),
        ("mail", "suppressed", (mail,)),
    ]
    assert at_destinations([]) == ()
