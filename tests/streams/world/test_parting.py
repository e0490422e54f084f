"""Merges, shared devices, unmerges in any interleaving: at rest, profiles are a plain computation over their events."""

from collections.abc import Collection, Sequence
from random import Random

import msgspec
import pytest

from definitions import Definitions, Segment, compile_program
from definitions.identity.rules import DEFAULT_RULES
from definitions.model import EventCount, EventMatcher, Not
from schemas.identity import default_profile_id
from schemas.records import Event, EventType, Identifier, IdentityRequest
from tests.oracle.reference import Facts, Person, recompute
from tests.oracle.reference import World as Reference
from tests.streams.world.world import NAMESPACE, WORKSPACE, World

START = 1_700_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
POOL = [Identifier(namespace, f"{n}x") for namespace in ("user_id", "phone", "email", "anonymous_id") for n in range(4)]
VIEW = EventMatcher("track", "View")
PROGRAM = compile_program(
    Definitions(
        (
            Segment("frequent", EventCount(VIEW, 2, 2 * HOUR)),
            Segment("quiet", Not(EventCount(VIEW, 1, HOUR))),
        )
    )
)


def _views(facts: Facts, within_ms: int) -> int:
    return sum(event.event == "View" and facts.at - within_ms < event.occurred_at <= facts.at for event in facts.events)


REFERENCE = Reference(
    NAMESPACE,
    {"web": 0, "crm": 5},
    {"frequent": lambda facts: _views(facts, 2 * HOUR) >= 2, "quiet": lambda facts: _views(facts, HOUR) < 1},
)


def _event(random: Random, number: int, at: int) -> Event:
    count = random.choice((1, 1, 2, 2, 3))
    identifiers = DEFAULT_RULES.usable(random.sample(POOL, count))
    kind: EventType = "identify" if random.random() < 1 / 3 else "track"
    return Event(
        WORKSPACE, random.choice(("web", "crm")), f"m{number}", kind, "View" if kind == "track" else None, at, None, at,
        identifiers, traits=f'{{"plan": {random.randint(0, 3)}}}' if kind == "identify" else "{}",
    )  # fmt: skip


def unmerge(world: World, random: Random, number: int, pool: Sequence[Identifier]) -> IdentityRequest | None:
    identifiers = world.component(random.choice(pool)).identifiers
    if len(identifiers) < 2:
        return None
    anchor, *split = random.sample(identifiers, min(len(identifiers), random.choice((2, 2, 3))))
    return IdentityRequest(
        WORKSPACE, "", "operator", START, (anchor, *split), "unmerge", f"r{number}", "test", random.random() < 0.3
    )


def _play(seed: int, events: int = 40) -> tuple[World, list[Event], int]:
    random = Random(seed)
    world = World(random.choice((1, 2, 3)), random, DEFAULT_RULES, PROGRAM)
    at, sent = START, []
    for number in range(events):
        at += random.choice((1, MINUTE, 20 * MINUTE, 25 * MINUTE, 31 * MINUTE))
        event = _event(random, number, at)
        sent.append(event)
        for _ in range(random.choice((1, 1, 2))):
            world.send(event)
        if random.random() < 0.15 and (request := unmerge(world, random, number, POOL)) is not None:
            world.order(request)
        for _ in range(random.choice((0, 1, 5, 60))):
            world.step()
    world.run()
    world.advance(at + random.choice((0, 10 * MINUTE, 3 * HOUR)))
    world.run()
    return world, sent, event_clock(world) or at


def event_clock(world: World) -> int:
    return int(world._tables["profile", 0].get(b"\x00clock|main", b"0"))


def _expected(world: World, sent: list[Event], at: int) -> dict[str, Person]:
    components = {world.component(identifier).identifiers for identifier in POOL}
    return recompute(sent, components, REFERENCE, at)


def _found(world: World) -> dict[str, Person]:
    people = {}
    for profile_id, profile in world.profiles().items():
        sessions = [one for one in world.sessions().values() if one.profile_id == profile_id]
        people[profile_id] = profile, sessions
    return people  # type: ignore[return-value]


def _check(world: World, sent: list[Event], at: int) -> None:
    check(world, _expected(world, sent, at))


def check(world: World, expected: dict[str, Person], vanished: Collection[str] = ()) -> None:
    """`vanished`: of whom only the sessions are left."""
    profiles = world.profiles()
    assert profiles.keys() == expected.keys() - vanished
    sessions = world.sessions().values()
    for profile_id, person in expected.items():
        own = sorted(
            (one.started_at, one.ended_at, one.events, one.status) for one in sessions if one.profile_id == profile_id
        )
        assert own == [(one.started_at, one.ended_at, one.events, one.status) for one in person.sessions]
        if profile_id in vanished:
            continue
        profile = profiles[profile_id]
        assert profile.events == person.events, profile_id
        assert msgspec.json.decode(profile.traits) == person.traits
        assert profile.counters == person.counters
        assert (profile.first_seen_at, profile.last_seen_at) == (person.first_seen_at, person.last_seen_at)
        assert {member.segment for member in profile.segments} == person.segments
    assert {one.profile_id for one in sessions} <= expected.keys()
    _check_changes(world, {one: person for one, person in expected.items() if one not in vanished})


def _check_changes(world: World, expected: dict[str, Person]) -> None:
    inside: set[tuple[str, str]] = set()
    ids = [change.change_id for change in world.segment_changes()]
    assert len(ids) == len(set(ids))
    for change in world.segment_changes():
        membership = (change.profile_id, change.segment)
        assert (membership in inside) is (change.change == "exited"), change
        inside ^= {membership}
    assert inside == {(one, name) for one, person in expected.items() for name in person.segments}


@pytest.mark.parametrize("seed", range(100))
def test_at_rest_every_profile_is_what_its_events_say(seed: int) -> None:
    world, sent, at = _play(seed)
    assert any(change.kind in {"split", "shared"} for change in world.changes()) or seed % 7
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
        assert default_profile_id(NAMESPACE, world.component(identifier).canonical) in world.profiles()
