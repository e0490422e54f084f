"""A state that PROFILE cannot absorb: who is who by then holds all the same, in profiles and in the warehouse."""

from random import Random

from identity.rules import DEFAULT_RULES
from schemas.identity import default_profile_id
from schemas.records import Event, Identifier
from tests.streams.world.playing import PROGRAM, START
from tests.streams.world.warehouse import shown, written
from tests.streams.world.world import NAMESPACE, WORKSPACE, World

ANN, TABLET = Identifier("user_id", "ann"), Identifier("anonymous_id", "tablet")
ANNS = default_profile_id(NAMESPACE, ANN)


def _send(world: World, *identifiers: Identifier) -> None:
    number = len(world.resolved())
    at = START + number
    world.send(Event(WORKSPACE, "web", f"m{number}", "track", "View", at, None, at, identifiers))
    world.run()


def test_later_events_are_those_of_the_profile_that_should_have_absorbed_it() -> None:
    world = World(2, Random(1), DEFAULT_RULES, PROGRAM)
    _send(world, TABLET)
    world.damaged.add(ANNS)
    _send(world, ANN, TABLET)
    assert world.dead
    world.damaged.clear()
    _send(world, TABLET)

    (profile,) = world.profiles().values()
    assert (profile.profile_id, profile.identifiers, profile.events) == (ANNS, (ANN, TABLET), 2)
    assert set(shown(written(world.codec, world.logs))) == {(ANNS, f"m{number}") for number in range(3)}
