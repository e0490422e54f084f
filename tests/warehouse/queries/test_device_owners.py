"""Events of a shared device in ClickHouse: each belongs to the profile of the device's owner at its time."""

import pytest

from schemas import topics
from schemas.records import Claim, Claimant, Identifier, IdentityChange
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, PHONES, event, insert, placed, profile, resolved
from tests.support.rows import tuples
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

BEN, BENS = Identifier("user_id", "ben"), "00000000-0000-5000-8000-00000000000b"
AT = NOW - 1_000


def _assigned(workspace: str, decision: int, *held: tuple[Identifier, str, int]) -> IdentityChange:
    return IdentityChange(
        workspace, decision, "attributed", NOW,
        identifiers=(PHONE, *(person for person, _, _ in held)),
        claimants=tuple(Claimant(home, (Claim(*_named(PHONE), since),)) for _, home, since in held),
        profile_id=PHONES,
    )  # fmt: skip


def _named(identifier: Identifier) -> tuple[str, str]:
    return identifier.namespace, identifier.value


@pytest.fixture
def attributed(warehouse: Warehouse, workspace: str) -> str:
    """Ada signs in at 10 and 40, Ben at 20, which becomes known last; between and before them the phone is used."""
    events = [event(f"m{at}", workspace, occurred_at=AT + at, identifiers=(PHONE,)) for at in (5, 15, 20, 39, 40, 90)]
    changes = [
        _assigned(workspace, 3, (ADA, ADAS, AT + 10)),
        _assigned(workspace, 4, (BEN, BENS, AT + 20), (ADA, ADAS, AT + 40)),
    ]
    insert(
        warehouse,
        [
            *(resolved(one, at, PHONES) for at, one in enumerate(events)),
            resolved(event("own", workspace, occurred_at=AT + 21, identifiers=(ADA, PHONE)), 90, ADAS),
            *(placed(topics.IDENTITY_CHANGES, one, at) for at, one in enumerate(changes)),
            placed(topics.PROFILES, profile(ADAS, 1, workspace, identifiers=(ADA,)), 0),
            placed(topics.PROFILES, profile(BENS, 1, workspace, identifiers=(BEN,)), 1),
        ],
    )
    return workspace


def test_each_event_is_its_owners_and_those_before_the_first_sign_in_too(warehouse: Warehouse, attributed: str) -> None:
    query = "SELECT message_id, profile_id FROM onefold.events WHERE workspace = {w:String}"
    found = {row[0]: row[1] for row in tuples(warehouse, query, {"w": attributed})}
    assert found == {"m5": ADAS, "m15": ADAS, "m20": BENS, "m39": BENS, "m40": ADAS, "m90": ADAS, "own": ADAS}


def test_the_events_of_a_profile_are_found_by_its_identifiers_and_devices(
    warehouse: Warehouse, attributed: str
) -> None:
    def of(profile_id: str) -> set[object]:
        query = "SELECT message_id FROM onefold.events_of(workspace = {w:String}, profile = {p:String})"
        return {row[0] for row in tuples(warehouse, query, {"w": attributed, "p": profile_id})}

    assert (of(ADAS), of(BENS), of(PHONES)) == ({"m5", "m15", "m40", "m90", "own"}, {"m20", "m39"}, set())


def test_nobody_owns_a_device_that_was_unshared_until_it_is_shared_anew(warehouse: Warehouse, attributed: str) -> None:
    def owners() -> list[tuple[object, ...]]:
        query = "SELECT value, since = toDateTime64('1900-01-01', 3, 'UTC') FROM onefold.device_owners"
        return tuples(warehouse, f"{query} WHERE workspace = {{w:String}} ORDER BY since", {"w": attributed})

    unshared = IdentityChange(attributed, 5, "unshared", NOW, identifiers=(PHONE, ADA, BEN), profile_id=PHONES)
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, unshared, 7)])
    assert owners() == []
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, _assigned(attributed, 6, (BEN, BENS, AT + 20)), 8)])
    assert owners() == [("ben", True)]


def test_the_periods_of_a_device_can_be_queried(warehouse: Warehouse, attributed: str) -> None:
    query = """
        SELECT value, toUnixTimestamp64Milli(signed_in_at), toUnixTimestamp64Milli(until), toYear(since) AS year
        FROM onefold.device_owners WHERE workspace = {w:String} AND device_value = 'phone' ORDER BY since
    """
    found = tuples(warehouse, query, {"w": attributed})
    assert [row[:3] for row in found] == [
        ("ada", AT + 10, AT + 20),
        ("ben", AT + 20, AT + 40),
        ("ada", AT + 40, None),
    ]
    assert found[0][3] == 1900
