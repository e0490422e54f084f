"""A replay that PROFILE cannot take: the profile waits until a later decision replays its events, here or elsewhere."""

from collections import Counter
from random import Random

import pytest

from identity.rules import DEFAULT_RULES
from schemas.identity import default_profile_id, device_profile_id
from schemas.records import Event, Identifier, IdentityRequest
from tests.streams.world.playing import PROGRAM, START
from tests.streams.world.world import NAMESPACE, WORKSPACE, World

ANN, BEN = Identifier("user_id", "ann"), Identifier("user_id", "ben")
TABLET, TILL = Identifier("anonymous_id", "tablet"), Identifier("anonymous_id", "till")
TABLETS = default_profile_id(NAMESPACE, TABLET)


def _send(world: World, *identifiers: Identifier) -> None:
    number = len(world.resolved())
    at = START + number
    world.send(Event(WORKSPACE, "web", f"m{number}", "track", "View", at, None, at, identifiers))
    world.run()


def _unmerge(world: World) -> None:
    world.request(IdentityRequest(WORKSPACE, "", "operator", START, (TABLET, TILL), "unmerge", "r1"))
    world.run()


def _events(world: World) -> dict[tuple[str, Identifier], int]:
    return {(profile.kind, profile.identifiers[0]): profile.events for profile in world.profiles().values()}


@pytest.fixture
def world() -> World:
    """The tablet's default profile is published, and waits for a replay that has become a dead letter."""
    world = World(2, Random(1), DEFAULT_RULES, PROGRAM)
    for _ in range(2):
        _send(world, TABLET, TILL)
    world.damaged.add(TABLETS)
    _unmerge(world)
    assert world.dead
    world.damaged.clear()
    return world


def test_a_device_that_proves_to_be_shared_is_nobody_s_profile_any_more(world: World) -> None:
    _send(world, TABLET)
    _send(world, ANN, TABLET)
    _send(world, BEN, TABLET)
    _send(world, TABLET)

    assert _events(world) == {("device", TABLET): 4, ("person", ANN): 1, ("person", BEN): 1}
    changes = Counter(change.change for change in world.segment_changes() if change.profile_id == TABLETS)
    assert changes["entered"] == changes["exited"] > 0


def test_a_later_decision_about_the_profile_begins_anew(world: World) -> None:
    _send(world, TABLET, TILL)
    _unmerge(world)

    assert _events(world) == {("person", TABLET): 3}


def test_a_device_that_is_unshared_while_it_waits_leaves_no_session(world: World) -> None:
    for identifiers in ((ANN, TABLET), (BEN, TABLET), (TABLET,)):
        _send(world, *identifiers)
    own = device_profile_id(NAMESPACE, TABLET)
    assert own in {session.profile_id for session in world.sessions().values()}
    world.damaged.add(own)
    world.request(IdentityRequest(WORKSPACE, "", "", START, (TABLET,), "recount"))
    world.run()
    world.request(IdentityRequest(WORKSPACE, "", "operator", START, (TABLET,), "unshare", "r2"))
    world.run()

    assert _events(world) == {("person", ANN): 4, ("person", BEN): 1}
    sessions = [session for session in world.sessions().values() if session.session_id.startswith(own)]
    assert sessions == []
