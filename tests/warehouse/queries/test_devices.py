"""Devices, and who signed in on them, from the tables that the sink fills."""

import pytest

from identity.rules import DEFAULT_RULES
from tests.sinks.history import device_profile_of, family, named, profile_of
from warehouse.client import Warehouse
from warehouse.queries.devices import find_devices
from warehouse.queries.explanation import explain

pytestmark = pytest.mark.stack


def test_devices_show_who_signed_in_since_when_and_why_they_are_apart(
    warehouse: Warehouse, family_workspace: str
) -> None:
    found = find_devices(warehouse, family_workspace, DEFAULT_RULES)
    assert found is not None
    tablet, laptop = found.devices
    assert (tablet.value, tablet.shared, tablet.shared_since) == ("tablet", True, "2026-03-01T08:03:00.000Z")
    assert tablet.profile_id == device_profile_of("anonymous_id:tablet")
    assert [(one.value, one.since, one.status, one.reason) for one in tablet.persons] == [
        ("ada", "2026-03-01T08:02:00.000Z", "retracted", "shared"),
        ("ben", "2026-03-01T08:03:00.000Z", "refused", "shared"),
    ]
    assert [one.profile_id for one in tablet.persons] == [profile_of("user_id:ada"), profile_of("user_id:ben")]
    assert (laptop.value, laptop.shared, laptop.shared_since) == ("laptop", False, None)
    assert [(one.value, one.status) for one in laptop.persons] == [("ada", "active")]


def test_a_person_who_comes_back_is_there_since_the_first_time(warehouse: Warehouse, workspace: str) -> None:
    history = family(workspace)
    history.event("m9", "user_id:ada", "anonymous_id:tablet", source="app")
    history.write(warehouse)
    found = find_devices(warehouse, workspace, DEFAULT_RULES, device=named("anonymous_id:tablet"))
    assert found is not None
    ada = found.devices[0].persons[0]
    assert (ada.value, ada.since, ada.status) == ("ada", "2026-03-01T08:02:00.000Z", "refused")


def test_shared_devices_can_be_listed_alone(warehouse: Warehouse, family_workspace: str) -> None:
    found = find_devices(warehouse, family_workspace, DEFAULT_RULES, shared=True)
    assert found is not None
    assert [one.value for one in found.devices] == ["tablet"]
    laptop = find_devices(warehouse, family_workspace, DEFAULT_RULES, device=named("anonymous_id:laptop"), shared=True)
    assert laptop is not None
    assert laptop.devices == ()


def test_a_device_that_was_unshared_is_none_of_them_until_it_is_shared_anew(
    warehouse: Warehouse, workspace: str
) -> None:
    def shared_since() -> list[str | None]:
        found = find_devices(warehouse, workspace, DEFAULT_RULES, shared=True)
        assert found is not None
        return [one.shared_since for one in found.devices]

    history = family(workspace)
    history.operator("unshare", "r9", "anonymous_id:tablet")
    history.write(warehouse)
    assert shared_since() == []
    tablet = explain(warehouse, workspace, named("anonymous_id:tablet"), DEFAULT_RULES)
    assert tablet is not None
    assert (tablet.shared, tablet.profile_id) == ((), profile_of("user_id:ada"))
    assert [change.kind for change in tablet.changes if change.request_id == "r9"] == ["unshared", "rebuilt", "merged"]
    assert ("user_id:ada", "anonymous_id:tablet") in [(str(link.left), str(link.right)) for link in tablet.links]
    history.event("m8", "user_id:ada", "anonymous_id:tablet", source="app")
    history.event("m9", "user_id:ben", "anonymous_id:tablet", source="app")
    history.write(warehouse)
    assert shared_since() == ["2026-03-01T08:13:00.000Z"]


def test_devices_end_at_their_limit_and_say_so(warehouse: Warehouse, family_workspace: str) -> None:
    found = find_devices(warehouse, family_workspace, DEFAULT_RULES, limit=1)
    assert found is not None
    assert ([one.value for one in found.devices], found.cut) == (["tablet"], True)
