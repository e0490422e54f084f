"""Merges, shared devices, unmerges in any interleaving: at rest, profiles are a plain computation over their events."""

from random import Random

from identity.rules import DEFAULT_RULES
from schemas.records import Event, EventType, Identifier
from tests.oracle.reference import Person, recompute
from tests.streams.world.playing import HOUR, MINUTE, PROGRAM, REFERENCE, check, event_clock, play
from tests.streams.world.world import WORKSPACE, World

POOL = [Identifier(namespace, f"{n}x") for namespace in ("user_id", "phone", "email", "anonymous_id") for n in range(4)]


def _event(random: Random, number: int, at: int) -> Event:
    count = random.choice((1, 1, 2, 2, 3))
    identifiers = DEFAULT_RULES.usable(random.sample(POOL, count))
    kind: EventType = "identify" if random.random() < 1 / 3 else "track"
    return Event(
        WORKSPACE, random.choice(("web", "crm")), f"m{number}", kind, "View" if kind == "track" else None, at, None, at,
        identifiers, traits=f'{{"plan": {random.randint(0, 3)}}}' if kind == "identify" else "{}",
    )  # fmt: skip


def _play(seed: int, events: int = 40) -> tuple[World, list[Event], int]:
    random = Random(seed)
    world = World(random.choice((1, 2, 3)), random, DEFAULT_RULES, PROGRAM)
    gaps = (1, MINUTE, 20 * MINUTE, 25 * MINUTE, 31 * MINUTE)
    sent, at = play(world, random, _event, events=events, gaps=gaps, unmerges=0.15, pool=POOL)
    world.run()
    world.advance(at + random.choice((0, 10 * MINUTE, 3 * HOUR)))
    world.run()
    return world, sent, event_clock(world) or at


def _expected(world: World, sent: list[Event], at: int) -> dict[str, Person]:
    components = {world.component(identifier).identifiers for identifier in POOL}
    return recompute(sent, components, REFERENCE, at, shared=world.shared(POOL))


def _check(world: World, sent: list[Event], at: int) -> None:
    check(world, _expected(world, sent, at))


def test_at_rest_every_profile_is_what_its_events_say(history_seed: int) -> None:
    world, sent, at = _play(history_seed)
    assert any(change.kind in {"unmerged", "shared"} for change in world.changes()) or history_seed % 7
    _check(world, sent, at)


def test_identifiers_lead_to_their_profile_for_later_events() -> None:
    world, sent, at = _play(1)
    for number, identifier in enumerate(POOL):
        event = Event(WORKSPACE, "web", f"later{number}", "track", "View", at, None, at, (identifier,))
        sent.append(event)
        world.send(event)
    world.run()
    _check(world, sent, at)
    for identifier in POOL:
        assert world.profile_id(identifier) in world.profiles()
