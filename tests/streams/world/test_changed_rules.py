"""A worker that is started again under other rules: what was routed before is rebuilt where it was routed."""

from random import Random

import msgspec

from identity.rules import DEFAULT_RULES, IdentityRules, Namespace
from schemas.records import Event, Identifier, IdentityRequest
from tests.streams.world.playing import PROGRAM, START
from tests.streams.world.world import WORKSPACE, World

ANN, BEN, MEMBER = Identifier("user_id", "ann"), Identifier("user_id", "ben"), Identifier("member", "m")
MAIL, PHONE = Identifier("email", "a@example.org"), Identifier("phone", "+4930123456")


def _send(world: World, *seen: tuple[Identifier, ...]) -> None:
    for identifiers in seen:
        number = world.steps
        world.send(
            Event(WORKSPACE, "web", f"m{number}", "track", "View", START + number, None, START + number, identifiers)
        )
        world.run()


def _unmerge(world: World, *identifiers: Identifier) -> None:
    world.request(IdentityRequest(WORKSPACE, "", "operator", START, identifiers, "unmerge", "r1"))
    world.run()


def _events(world: World) -> dict[Identifier, int]:
    return {profile.identifiers[0]: profile.events for profile in world.profiles().values()}


def test_a_namespace_that_is_added_as_the_strongest_takes_no_events_away() -> None:
    world = World(2, Random(1), DEFAULT_RULES, PROGRAM)
    _send(world, *[(ANN, MAIL, MEMBER)] * 5)
    world.restart(IdentityRules((Namespace("member", limit=1, unique=True), *DEFAULT_RULES.namespaces)))
    _unmerge(world, ANN, MAIL)

    assert _events(world) == {ANN: 5}


def test_a_value_that_is_blocked_later_keeps_its_events_and_no_other_gets_them() -> None:
    demo = Identifier("user_id", "demo")
    world = World(2, Random(1), DEFAULT_RULES, PROGRAM)
    _send(world, (BEN, PHONE), (PHONE, MAIL), *[(demo, PHONE)] * 5)
    before = _events(world)
    world.restart(msgspec.structs.replace(DEFAULT_RULES, blocked=frozenset({"demo"})))
    _unmerge(world, BEN, MAIL)

    assert sum(before.values()) == sum(_events(world).values()) == 7
    assert _events(world)[demo] == 5


def test_an_event_that_was_under_way_is_routed_by_the_new_rules_and_rebuilt_so() -> None:
    world = World(2, Random(1), DEFAULT_RULES, PROGRAM)
    _send(world, (ANN, MAIL))
    world.send(Event(WORKSPACE, "web", "late", "track", "View", START, None, START, (ANN, MEMBER)))
    world.restart(IdentityRules((Namespace("member", limit=1, unique=True), *DEFAULT_RULES.namespaces)))
    world.run()
    _unmerge(world, ANN, MAIL)

    assert _events(world) == {MEMBER: 2}
