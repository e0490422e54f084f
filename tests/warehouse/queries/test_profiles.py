"""Profiles by any of their identifiers, by their id, and by the ids that gave way to them."""

import pytest

from api.identifiers import read_identifier
from schemas import topics
from tests.sinks.examples import ADA, ADAS, PHONE, PHONES, insert, placed, profile
from tests.support.people import AWKWARD
from warehouse.client import Warehouse
from warehouse.queries.profiles import find_profile, find_profile_by_id, members_of

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("value", AWKWARD)
def test_a_value_may_hold_any_characters(warehouse: Warehouse, person: str, value: str) -> None:
    found = find_profile(warehouse, person, read_identifier(f"external_id:{value}"))
    assert found is not None
    assert found["profile_id"] == ADAS


def test_a_profile_comes_with_its_open_session_and_its_latest_ones(warehouse: Warehouse, person: str) -> None:
    found = find_profile(warehouse, person, PHONE)
    assert found is not None
    assert found == find_profile_by_id(warehouse, person, ADAS)
    session, sessions = found["session"], found["sessions"]
    assert isinstance(session, dict)
    assert isinstance(sessions, list)
    assert session["session_id"] == "s11"
    assert [one["session_id"] for one in sessions] == [f"s{at}" for at in range(11, 1, -1)]


def test_nobody_is_found_in_another_workspace_or_by_another_value(warehouse: Warehouse, person: str) -> None:
    assert find_profile(warehouse, f"{person}x", ADA) is None
    assert find_profile(warehouse, person, read_identifier("user_id:eve")) is None
    assert find_profile_by_id(warehouse, f"{person}x", ADAS) is None


def test_an_id_leads_through_merges_and_in_no_circle(warehouse: Warehouse, person: str) -> None:
    earlier, lost, back = (f"00000000-0000-5000-8000-00000000000{at}" for at in range(3))
    gone = [(earlier, PHONES), (lost, back), (back, lost)]
    records = [profile(gone_id, 3, person, merged_into=target, decision=1) for gone_id, target in gone]
    insert(warehouse, [placed(topics.PROFILES, record, 10 + at) for at, record in enumerate(records)])
    for forwarded in (PHONES, earlier):
        found = find_profile_by_id(warehouse, person, forwarded)
        assert found is not None
        assert (found["profile_id"], found["forwarded_from"]) == (ADAS, forwarded)
    assert find_profile_by_id(warehouse, person, lost) is None


def test_the_identifiers_of_a_living_profile_are_found(warehouse: Warehouse, person: str) -> None:
    found = members_of(warehouse, person, ADAS)
    assert found is not None
    assert found[:2] == [ADA, PHONE]
    assert len(found) == 2 + len(AWKWARD)
    assert members_of(warehouse, person, PHONES) is None
