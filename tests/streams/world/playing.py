"""Random histories played into a world, and what must be so at rest: the profiles are a plain computation."""

from collections.abc import Callable, Collection, Sequence
from random import Random

import msgspec

from definitions import Definitions, Segment, compile_program
from definitions.model import EventCount, EventMatcher, Not
from schemas.records import Event, Identifier, IdentityRequest
from tests.oracle.reference import Facts, Person
from tests.oracle.reference import World as Reference
from tests.streams.world.world import NAMESPACE, WORKSPACE, World

START = 1_700_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
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


def unmerge(world: World, random: Random, number: int, pool: Sequence[Identifier]) -> IdentityRequest | None:
    identifiers = world.component(random.choice(pool)).identifiers
    if len(identifiers) < 2:
        return None
    anchor, *split = random.sample(identifiers, min(len(identifiers), random.choice((2, 2, 3))))
    return IdentityRequest(
        WORKSPACE, "", "operator", START, (anchor, *split), "unmerge", f"r{number}", "test", random.random() < 0.3
    )


def play(  # noqa: PLR0913 - what differs between worlds
    world: World,
    random: Random,
    event_of: Callable[[Random, int, int], Event],
    *,
    events: int,
    gaps: Sequence[int],
    unmerges: float,
    pool: Sequence[Identifier],
) -> tuple[list[Event], int]:
    """Send events, some twice, and orders to part people, while the world goes on at any pace: events and time.

    `gaps`: between events, in ms. `unmerges`: how likely one comes after an event; of identifiers of the `pool`.
    """
    at, sent = START, []
    for number in range(events):
        at += random.choice(gaps)
        event = event_of(random, number, at)
        sent.append(event)
        for _ in range(random.choice((1, 1, 2))):
            world.send(event)
        if random.random() < unmerges and (request := unmerge(world, random, number, pool)) is not None:
            world.order(request)
        for _ in range(random.choice((0, 1, 5, 60))):
            world.step()
    return sent, at


def event_clock(world: World) -> int:
    return int(world._tables["profile", 0].get(b"\x00clock|main", b"0"))


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
