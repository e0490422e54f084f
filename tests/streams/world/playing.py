"""Random histories played into a world, and what must be so at rest: the profiles are a plain computation."""

from collections import Counter
from collections.abc import Collection, Sequence
from random import Random

import msgspec
from hypothesis import note
from hypothesis import strategies as st

from definitions import Definitions, Segment, compile_program
from definitions.model import Call, EventCount, EventMatcher, Not, Window
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.records import Event, Identifier, IdentityRequest, Pair, RequestKind, Session
from settings import Clock
from tests.oracle.reference import Facts, Person, Visit, recompute
from tests.oracle.reference import World as Reference
from tests.streams.world.warehouse import shown, written
from tests.streams.world.world import NAMESPACE, WORKSPACE, World

START = 1_700_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
STEPS = ("event",) * 10 + ("copy",) * 2 + ("unmerge",) * 2 + ("by hand", "rest")
# A seed, and of each step what is done: nothing for a zero, to which Hypothesis shrinks what a failure does not need.
# No list and no state machine: most of their examples are variations of a few, and random ones find more.
HISTORIES = st.tuples(st.integers(0, 2**64 - 1), st.binary(min_size=50, max_size=50))
SENT_WITHIN_MS = 16 * HOUR  # and checked within a day: what is later than that is another promise
SOURCES = ("google", "百度", "newsletter")
VIEW = EventMatcher((Call("track", "View"),))
PROGRAM = compile_program(
    Definitions(
        (
            Segment("frequent", EventCount(VIEW, Window(2 * HOUR), 2)),
            Segment("quiet", Not(EventCount(VIEW, Window(HOUR)))),
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


def unmerge(world: World, random: Random, pool: Sequence[Identifier]) -> IdentityRequest | None:
    identifiers = world.component(random.choice(pool)).identifiers
    if len(identifiers) < 2:
        return None
    named = tuple(random.sample(identifiers, min(len(identifiers), random.choice((2, 2, 3)))))
    number, forbid = f"r{world.steps}", random.random() < 0.3
    return IdentityRequest(WORKSPACE, "", "operator", START, named, "unmerge", number, "test", forbid)


def by_hand(world: World, random: Random, pool: Sequence[Identifier]) -> IdentityRequest | None:
    """A merge or an allowance of any two, or the end of a shared device."""
    kind: RequestKind = random.choice(("merge", "allow", "unshare", "unshare"))
    shared = sorted(world.shared(pool))
    if kind == "unshare" and not shared:
        return None
    identifiers = (random.choice(shared),) if kind == "unshare" else ()
    left, right = random.sample(pool, 2)
    pairs = () if kind == "unshare" else (Pair(left, right),)
    number = f"r{world.steps}"
    return IdentityRequest(WORKSPACE, "", "operator", START, identifiers, kind, number, "test", pairs=pairs)


class Player:
    """Plays one history: events, some of them twice, and requests of operators, at any pace; checks it at every rest.

    What a step sends, and in what order the stages read afterwards, comes of the seed and the step's number: it stays
    the same when Hypothesis leaves others out.
    `has_copies`: whether events come again, of others too. `gaps`: between events, in ms. `rests`: how long nothing
    is sent before a check. `pool`: what a request may name. `world_clock`: that of the workspace.
    """

    identity_rules: IdentityRules = DEFAULT_RULES
    reference: Reference = REFERENCE
    has_copies: bool = False
    gaps: Sequence[int] = ()
    rests: Sequence[int] = (0, 10 * MINUTE, 3 * HOUR)
    pool: Sequence[Identifier] = ()
    world_clock: Clock = "event"

    def __init__(self, history: tuple[int, bytes]) -> None:
        self.seed, self._steps = history
        random = self._random("begin")
        self.world = World(random.choice((1, 2, 3)), random, self.identity_rules, PROGRAM, self.world_clock)
        self.world.is_sink_late = True
        self.at = START
        self.sent: list[Event] = []

    def play(self) -> None:
        """Play all steps, and check the world at rest."""
        try:
            for number, step in enumerate(self._steps):
                if step:
                    self._play(STEPS[step % len(STEPS)], self._random(number))
            self.end()
        finally:
            self.world.close()

    def _random(self, step: object) -> Random:
        return Random(f"{self.seed} {step}")

    def _play(self, step: str, random: Random) -> None:
        match step:
            case "event":
                self.send(random)
            case "copy":
                self.send_copy(random)
            case "unmerge":
                self.request(unmerge(self.world, random, self.pool))
            case "by hand":
                self.request(by_hand(self.world, random, self.pool))
            case "rest":
                self.come_to_rest(random.choice(self.rests))
        self.world.random.seed(random.random())
        for _ in range(random.choice((0, 1, 5, 60))):
            if not self.world.step():
                break

    def send(self, random: Random) -> None:
        self.at = min(self.at + random.choice(self.gaps), START + SENT_WITHIN_MS)
        context = random.choice(("{}", f'{{"facts":{{"source":"{random.choice(SOURCES)}"}}}}'))
        event = msgspec.structs.replace(self.event(random, len(self.sent), self.at), ordinal=1, context=context)
        note(f"{event}")
        self.sent.append(event)
        for _ in range(random.choice((1, 1, 2))):
            self.world.send(event)

    def send_copy(self, random: Random) -> None:
        """Send an earlier event once more, by other identifiers or another request, which has a later ordinal."""
        if self.has_copies and self.sent:
            first, by = random.choice(self.sent), self.event(random, len(self.sent), self.at)
            identifiers = random.choice((first.identifiers, by.identifiers, by.identifiers))
            latest = max(event.ordinal for event in self.sent if event.message_id == first.message_id)
            copy = msgspec.structs.replace(first, identifiers=identifiers, ordinal=latest + random.choice((0, 0, 1)))
            note(f"copy: {copy}")
            self.sent.append(copy)
            self.world.send(copy)

    def request(self, request: IdentityRequest | None) -> None:
        if request is not None:
            note(f"{request}")
            self.world.request(request)

    def come_to_rest(self, pass_ms: int) -> None:
        if self.at + pass_ms <= START + SENT_WITHIN_MS:
            self.pass_time(pass_ms)
            self.check()

    def pass_time(self, pass_ms: int) -> None:
        self.world.run()
        self.at += pass_ms
        self.world.advance(self.at)
        self.world.run()

    def end(self) -> None:
        self.pass_time(self.rests[-1])
        self.check()

    def event(self, random: Random, number: int, at: int) -> Event:
        """The next event."""
        raise NotImplementedError

    def check(self) -> None:
        """Compare the world, which is at rest, with what is expected."""
        check(self.world, self.expected())

    def expected(self) -> dict[str, Person]:
        """What each profile should be."""
        components = {self.world.component(identifier).identifiers for identifier in self.pool}
        return recompute(self.sent, components, self.reference, self.clock(), shared=self.world.shared(self.pool))

    def clock(self) -> int:
        """The time in the world's workspace."""
        return int(self.world._tables["profile", 0].get(b"\x00clock|main", b"0")) or self.at


def check(world: World, expected: dict[str, Person], vanished: Collection[str] = ()) -> None:
    """Compare profiles, sessions, memberships and the warehouse's events with what is expected.

    `vanished`: only their sessions and events are left.
    """
    profiles = world.profiles()
    assert profiles.keys() == expected.keys() - vanished
    sessions = world.sessions().values()
    for profile_id, person in expected.items():
        own = sorted(_as_tuple(session) for session in sessions if session.profile_id == profile_id)
        assert own == [_as_tuple(session) for session in person.sessions]
        if profile_id in vanished:
            continue
        profile = profiles[profile_id]
        assert {*profile.identifiers} == person.identifiers
        assert profile.events == person.events, profile_id
        assert msgspec.json.decode(profile.traits) == person.traits
        assert profile.counters == person.counters
        assert (profile.first_seen_at, profile.last_seen_at) == (person.first_seen_at, person.last_seen_at)
        assert {member.segment for member in profile.segments} == person.segments
    assert {session.profile_id for session in sessions} <= expected.keys()
    assert shown(written(world.codec, world.logs)) == Counter(
        (person.profile_id, message_id) for person in expected.values() for message_id in person.message_ids
    )
    _check_changes(world, {profile_id: person for profile_id, person in expected.items() if profile_id not in vanished})


def _as_tuple(session: Session | Visit) -> tuple[int, int, int, str, str]:
    source = session.source if isinstance(session, Visit) else session.facts.source if session.facts else ""
    return session.started_at, session.ended_at, session.events, session.status, source


def _check_changes(world: World, expected: dict[str, Person]) -> None:
    inside: set[tuple[str, str]] = set()
    ids = [change.change_id for change in world.segment_changes()]
    assert len(ids) == len(set(ids))
    for change in world.segment_changes():
        membership = (change.profile_id, change.segment)
        assert (membership in inside) is (change.change == "exited"), change
        inside ^= {membership}
    assert inside == {(profile_id, name) for profile_id, person in expected.items() for name in person.segments}
