"""Devices that are handed on to whoever signed in last, in any interleaving: each owner has the events of its time."""

from collections.abc import Callable
from random import Random

import msgspec

from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.records import Event, Identifier
from tests.oracle.reference import recompute
from tests.streams.world.playing import HOUR, MINUTE, PROGRAM, REFERENCE, check, event_clock, play
from tests.streams.world.world import WORKSPACE, World

RULES = IdentityRules(
    tuple(
        msgspec.structs.replace(namespace, shared="last_login") if namespace.name == "anonymous_id" else namespace
        for namespace in DEFAULT_RULES.namespaces
    )
)
PEOPLE = [Identifier(namespace, f"{n}x") for namespace in ("user_id", "email") for n in range(3)]
DEVICES = [Identifier("anonymous_id", f"d{n}") for n in range(2)]


def _event(random: Random, number: int, at: int) -> Event:
    identifiers = [random.choice(DEVICES)] if random.random() < 0.9 else []
    if not identifiers or random.random() < 0.5:
        identifiers += random.sample(PEOPLE, random.choice((1, 1, 1, 2)))
    is_sign_in = len(identifiers) > 1 and random.random() < 0.6
    kind, name = ("identify", None) if is_sign_in else ("track", "View")
    occurred_at = at - random.choice((0, 0, 0, 0, 30 * MINUTE, 2 * HOUR))
    return Event(
        WORKSPACE, random.choice(("web", "crm")), f"m{number}", kind, name, occurred_at, None, at,  # type: ignore[arg-type]
        RULES.usable(identifiers), traits=f'{{"plan": {random.randint(0, 3)}}}' if is_sign_in else "{}",
    )  # fmt: skip


def _play(seed: int, events: int = 40) -> tuple[World, list[Event], int]:
    random = Random(seed)
    world = World(random.choice((1, 2, 3)), random, RULES, PROGRAM)
    gaps = (1, MINUTE, 20 * MINUTE, 31 * MINUTE)
    sent, at = play(world, random, _event, events=events, gaps=gaps, unmerges=0.1, pool=[*PEOPLE, *DEVICES])
    world.run()
    world.advance(at + random.choice((0, 10 * MINUTE, 3 * HOUR)))
    world.run()
    return world, sent, event_clock(world) or at


def _owner(world: World) -> Callable[[Event], Identifier]:
    def owner(event: Event) -> Identifier:
        primary = RULES.usable(event.identifiers)[0]
        if not world.graph.devices.is_attributed(primary):
            return primary
        sign_ins = world.graph.devices.sign_ins(primary)
        before = [sign_in for sign_in in sign_ins if sign_in.since <= event.occurred_at]
        return (before or sign_ins[:1])[-1].identifier

    return owner


def test_at_rest_every_holder_has_the_events_of_its_time(history_seed: int) -> None:
    world, sent, at = _play(history_seed)
    components = {world.component(identifier).identifiers for identifier in (*PEOPLE, *DEVICES)}
    check(world, recompute(sent, components, REFERENCE, at, _owner(world), world.shared(DEVICES)))
