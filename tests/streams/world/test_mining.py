"""Mined traits amid merges, shared devices and unmerges: after a refresh each profile has what is found of it."""

from dataclasses import replace
from random import Random
from zlib import crc32

import msgspec
import pytest
from hypothesis import given

from definitions import Definitions, Segment, compile_program
from definitions.model import Comparison, EventCount, Mining, Not, Operator, Trait, TraitComparison, Window
from schemas.records import Mine, ProfileCommand
from tests.oracle.reference import Person
from tests.streams.world.playing import HISTORIES, HOUR, VIEW
from tests.streams.world.test_unmerging import UnmergePlayer
from tests.streams.world.world import WORKSPACE, World

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

LIKELY = 2
PROGRAM = compile_program(
    Definitions(
        (
            Segment("frequent", EventCount(VIEW, Window(2 * HOUR), 2)),
            Segment("quiet", Not(EventCount(VIEW, Window(HOUR)))),
            Segment("likely", TraitComparison(("score",), (Comparison(Operator.GREATER_OR_EQUAL, LIKELY),))),
        ),
        traits=(Trait("score", Mining("SELECT", 60_000)),),
    )
)


class MiningPlayer(UnmergePlayer):
    """Now and then a query finds something else, and a refresh compares it with what the sink has written by then."""

    def __init__(self, history: tuple[int, bytes]) -> None:
        super().__init__(history)
        random = self._random("mining")
        self.world = World(random.choice((1, 2, 3)), random, self.identity_rules, PROGRAM, self.world_clock)
        self.world.is_sink_late = True
        self._scoring = 0

    def score(self, profile_id: str) -> int | None:
        """What the query finds of a profile: nothing of some."""
        return crc32(f"{self._scoring} {profile_id}".encode()) % 4 or None

    def refresh(self) -> None:
        """Send each profile what it does not show."""
        for profile_id, profile in sorted(self.world.written.profiles().items()):
            score = self.score(profile_id)
            if profile.kind == "person" and msgspec.json.decode(profile.traits).get("score") != score:
                value = None if score is None else str(score)
                mine = Mine("score", value, profile_id, self.at, is_new=self._scoring == 1)
                self.world.command(ProfileCommand.of(WORKSPACE, profile_id, mine))

    def _play(self, step: str, random: Random) -> None:
        if random.random() < 0.2:
            self._scoring += random.choice((0, 1))
            self.refresh()
        super()._play(step, random)

    def check(self) -> None:
        self.refresh()
        self.world.run()
        super().check()

    def expected(self) -> dict[str, Person]:
        persons = {each for each, profile in self.world.profiles().items() if profile.kind == "person"}
        return {
            profile_id: self._with_score(person) if profile_id in persons else person
            for profile_id, person in super().expected().items()
        }

    def _with_score(self, person: Person) -> Person:
        score = self.score(person.profile_id)
        if score is None:
            return person
        segments = person.segments | {"likely"} if score >= LIKELY else person.segments
        return replace(person, traits=person.traits | {"score": score}, segments=segments)


@given(HISTORIES)
def test_after_a_refresh_everybody_has_what_is_found_of_them(history: tuple[int, bytes]) -> None:
    MiningPlayer(history).play()
