"""Workspaces of the migrated ClickHouse with people in them."""

import pytest

from schemas import topics
from schemas.records import Identifier, Membership, OpenSession
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, PHONES, insert, placed, profile, session
from tests.sinks.history import family
from warehouse.client import Warehouse

AWKWARD = ("a:b:c", "阿达/达", "it's", "back\\slash", "{workspace:String}", "' OR 1 = 1 --", "tab\tnew\nline", "%2F%20")
"""Values of Ada's external ids."""

HOSTILE = (
    "it's",
    'say "hi"',
    "back\\slash",
    "[red]alert[/red]",
    "a:b:c",
    "' OR 1 = 1 --",
    "{identifiers:String}",
    "阿达/达",
)
"""Values that a query or a terminal might take for something else."""


@pytest.fixture
def family_workspace(warehouse: Warehouse, workspace: str) -> str:
    """A workspace with the guide's story."""
    family(workspace).write(warehouse)
    return workspace


@pytest.fixture
def person(warehouse: Warehouse, workspace: str) -> str:
    """A workspace with Ada, merged from her phone's profile, with twelve sessions of which one is open."""
    whole = profile(
        ADAS,
        6,
        workspace,
        identifiers=(ADA, PHONE, *(Identifier("external_id", value) for value in AWKWARD)),
        traits='{"plan": "pro"}',
        counters={"page": 3},
        segments=(Membership("buyers", NOW),),
        session=OpenSession("s11", NOW + 11, NOW + 12, 2, "https://shop.example/"),
        events=24,
        first_seen_at=NOW,
        last_seen_at=NOW + 12,
        decision=1,
    )
    gone = profile(PHONES, 5, workspace, merged_into=ADAS, decision=1)
    sessions = [session(f"s{at}", at, workspace, started_at=NOW + at, status="closed") for at in range(12)]
    insert(warehouse, [placed(topics.PROFILES, profile(PHONES, 4, workspace, identifiers=(PHONE,)), 0)])
    insert(warehouse, [placed(topics.PROFILES, whole, 1), placed(topics.PROFILES, gone, 2)])
    insert(warehouse, [placed(topics.SESSIONS, one, at) for at, one in enumerate(sessions)])
    return workspace
