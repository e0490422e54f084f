"""Random histories played into a world, and what must be so at rest: the profiles are a plain computation."""

from collections.abc import Callable, Collection, Sequence
from random import Random

import msgspec

from definitions import Definitions, Segment, compile_program
from definitions.model import EventCount, EventMatcher, Not
from schemas.records import Event, Identifier, IdentityRequest, Pair, RequestKind, Session
from tests.oracle.reference import Facts, Person, Visit
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
    anchor, *taken_out = random.sample(identifiers, min(len(identifiers), random.choice((2, 2, 3))))
    return IdentityRequest(
        WORKSPACE, "", "operator", START, (anchor, *taken_out), "unmerge", f"r{number}", "test", random.random() < 0.3
    )


def by_hand(world: World, random: Random, number: int, pool: Sequence[Identifier]) -> IdentityRequest | None:
    """A merge or an allowance of any two, or the end of a shared device."""
    kind: RequestKind = random.choice(("merge", "allow", "unshare", "unshare"))
    shared = sorted(world.shared(pool))
    if kind == "unshare" and not shared:
        return None
    identifiers = (random.choice(shared),) if kind == "unshare" else ()
    left, right = random.sample(pool, 2)
    pairs = () if kind == "unshare" else (Pair(left, right),)
    return IdentityRequest(WORKSPACE, "", "operator", START, identifiers, kind, f"r{number}", "test", pairs=pairs)


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
    """Send events, some twice, and requests of operators, at any pace; return the events and the time.

    `gaps`: between events, in ms. `unmerges`: how likely a request comes after an event; of identifiers of the `pool`.
    """
    at, sent = START, []
    for number in range(events):
        at += random.choice(gaps)
        event = event_of(random, number, at)
        sent.append(event)
        for _ in range(random.choice((1, 1, 2))):
            world.send(event)
        if random.random() < unmerges:
            requested = random.choice((unmerge, by_hand))(world, random, number, pool)
            if requested is not None:
                world.request(requested)
        for _ in range(random.choice((0, 1, 5, 60))):
            world.step()
    return sent, at


def event_clock(world: World) -> int:
    return int(world._tables["profile", 0].get(b"\x00clock|main", b"0"))


def check(world: World, expected: dict[str, Person], vanished: Collection[str] = ()) -> None:
    """Compare profiles, sessions and memberships with what is expected. `vanished`: only their sessions are left."""
    profiles = world.profiles()
    assert profiles.keys() == expected.keys() - vanished
    sessions = world.sessions().values()
    for profile_id, person in expected.items():
        own = sorted(_as_tuple(session) for session in sessions if session.profile_id == profile_id)
        assert own == [_as_tuple(session) for session in person.sessions]
        if profile_id in vanished:
            continue
        profile = profiles[profile_id]
        assert profile.events == person.events, profile_id
        assert msgspec.json.decode(profile.traits) == person.traits
        assert profile.counters == person.counters
        assert (profile.first_seen_at, profile.last_seen_at) == (person.first_seen_at, person.last_seen_at)
        assert {member.segment for member in profile.segments} == person.segments
    assert {session.profile_id for session in sessions} <= expected.keys()
    _check_changes(world, {profile_id: person for profile_id, person in expected.items() if profile_id not in vanished})


def _as_tuple(session: Session | Visit) -> tuple[int, int, int, str]:
    return session.started_at, session.ended_at, session.events, session.status


def _check_changes(world: World, expected: dict[str, Person]) -> None:
    inside: set[tuple[str, str]] = set()
    ids = [change.change_id for change in world.segment_changes()]
    assert len(ids) == len(set(ids))
    for change in world.segment_changes():
        membership = (change.profile_id, change.segment)
        assert (membership in inside) is (change.change == "exited"), change
        inside ^= {membership}
    assert inside == {(profile_id, name) for profile_id, person in expected.items() for name in person.segments}
