"""Visits, alone and of persons, in any interleaving: at rest, visits alone have vanished, no person lacks one."""

from random import Random

from identity.rules import DEFAULT_RULES
from schemas.records import Event, Identifier
from tests.oracle.reference import recompute
from tests.streams.world.playing import HOUR, MINUTE, PROGRAM, REFERENCE, check, event_clock, play
from tests.streams.world.world import WORKSPACE, World

VISITS = [Identifier("session_id", f"s{n}") for n in range(6)]
OTHERS = [Identifier(namespace, f"{n}x") for namespace in ("user_id", "anonymous_id") for n in range(2)]
POOL = [*VISITS, *OTHERS]


def _event(random: Random, number: int, at: int) -> Event:
    identifiers = random.sample(VISITS, random.choice((1, 1, 1, 2)))
    if random.random() < 0.2:
        identifiers += random.sample(OTHERS, random.choice((1, 1, 2)))
    return Event(
        WORKSPACE, "web", f"m{number}", "track", "View", at, None, at, DEFAULT_RULES.usable(identifiers)
    )  # fmt: skip


def _play(seed: int, events: int = 30) -> tuple[World, list[Event], int]:
    random = Random(seed)
    world = World(random.choice((1, 2, 3)), random, DEFAULT_RULES, PROGRAM)
    unmerges = random.choice((0, 0.1))
    gaps = (1, MINUTE, 6 * MINUTE, 31 * MINUTE)
    sent, at = play(world, random, _event, events=events, gaps=gaps, unmerges=unmerges, pool=POOL)
    for _ in range(2):  # a profile that comes late has its grace as well
        world.advance(at + 3 * HOUR)
        world.run()
        at += 3 * HOUR
    return world, sent, event_clock(world)


def test_at_rest_visits_alone_have_vanished_and_those_of_persons_count(history_seed: int) -> None:
    world, sent, at = _play(history_seed)
    components = {world.component(identifier).identifiers for identifier in POOL}
    vanished = {world.profile_id(component[0]) for component in components if set(component) <= set(VISITS)}
    check(world, recompute(sent, components, REFERENCE, at, shared=world.shared(POOL)), vanished)
