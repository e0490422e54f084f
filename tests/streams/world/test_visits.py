"""Visits, alone and of persons, in any interleaving: at rest, visits alone have vanished, no person lacks one."""

from random import Random

import pytest
from hypothesis import given

from identity.rules import DEFAULT_RULES
from schemas.records import Event, Identifier
from tests.streams.world.playing import HISTORIES, HOUR, MINUTE, Player, check
from tests.streams.world.world import WORKSPACE

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

VISITS = [Identifier("session_id", f"s{n}") for n in range(6)]
OTHERS = [Identifier(namespace, f"{n}x") for namespace in ("user_id", "anonymous_id") for n in range(2)]


class VisitPlayer(Player):
    """At rest each session counts, and the profiles of visits alone are gone."""

    gaps = (1, MINUTE, 6 * MINUTE, 31 * MINUTE)
    rests = (6 * HOUR,)
    pool = (*VISITS, *OTHERS)

    def event(self, random: Random, number: int, at: int) -> Event:
        identifiers = random.sample(VISITS, random.choice((1, 1, 1, 2)))
        if random.randint(0, 4) == 0:
            identifiers += random.sample(OTHERS, random.choice((1, 1, 2)))
        return Event(
            WORKSPACE, "web", f"m{number}", "track", "View", at, None, at, DEFAULT_RULES.usable(identifiers)
        )  # fmt: skip

    def pass_time(self, pass_ms: int) -> None:
        for _ in range(2):  # a profile that comes late has its grace as well
            super().pass_time(pass_ms // 2)

    def check(self) -> None:
        components = {self.world.component(identifier).identifiers for identifier in self.pool}
        vanished = {self.world.profile_id(component[0]) for component in components if set(component) <= set(VISITS)}
        check(self.world, self.expected(), vanished)


@given(HISTORIES)
def test_at_rest_visits_alone_have_vanished_and_those_of_persons_count(history: tuple[int, bytes]) -> None:
    VisitPlayer(history).play()
