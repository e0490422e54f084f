"""Events of a shared device in ClickHouse: each belongs to the profile of the device's owner at its time."""

from random import Random

import msgspec
import pytest

from identity.ownership import owners
from identity.rules import DEFAULT_RULES
from schemas import topics
from schemas.records import Claim, Claimant, Identifier, IdentityChange
from tests.identity.deciding import Graph
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, PHONES, event, insert, placed, profile, resolved
from tests.support.rows import tuples
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

BEN, BENS = Identifier("user_id", "ben"), "00000000-0000-5000-8000-00000000000b"
AT = NOW - 1_000
TILL = Identifier("cookie", "till")
LAST_LOGIN = msgspec.structs.replace(
    DEFAULT_RULES,
    namespaces=tuple(
        msgspec.structs.replace(rule, shared="last_login") if rule.name == TILL.namespace else rule
        for rule in DEFAULT_RULES.namespaces
    ),
)


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


def test_owners_are_those_of_graph_however_late_and_in_whatever_order_sign_ins_become_known(
    warehouse: Warehouse, workspace: str
) -> None:
    graphs = {f"{workspace}-{seed}": _signed_in(f"{workspace}-{seed}", Random(seed)) for seed in range(60)}
    changes = [change for graph in graphs.values() for change in graph.changes]
    Random(0).shuffle(changes)
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, change, number) for number, change in enumerate(changes)])
    query = """
        SELECT workspace, toUnixTimestamp64Milli(signed_in_at) AS at, namespace, value, toYear(since) = 1900 AS is_first
        FROM onefold.device_owners WHERE startsWith(workspace, {w:String}) ORDER BY workspace, at
    """
    expected = [
        (name, owner.since, owner.namespace, owner.value, int(number == 0))
        for name, graph in sorted(graphs.items())
        if graph.ledger.devices.is_attributed(TILL)
        for number, owner in enumerate(owners(graph.ledger.devices.sign_ins(TILL)))
    ]
    assert tuples(warehouse, query, {"w": f"{workspace}-"}) == expected
    assert len({name for name, *_ in expected}) > 30


def _signed_in(workspace: str, random: Random) -> Graph:
    """Several people sign in on a till, heard of in any order; now and then it is unshared."""
    graph = Graph(LAST_LOGIN, workspace)
    for _ in range(random.randint(2, 12)):
        if random.random() < 0.15:
            graph.by_operator("unshare", (TILL,))
        else:
            person = Identifier("user_id", random.choice(("ada", "ben", "cleo")))
            graph.sign_in(person, TILL, at=AT + random.randint(0, 6))
    return graph
