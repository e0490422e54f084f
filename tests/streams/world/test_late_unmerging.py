"""Merges, unmerges, shared devices and visits when everything comes late: nothing held back is lost or counts twice."""

from random import Random

import pytest
from hypothesis import given

from settings import Clock
from state.store import HELD
from streams.agents.profile import merging, settling
from streams.fold import recent_ids
from tests.streams.world.playing import HISTORIES, HOUR, SENT_WITHIN_MS, START, Player
from tests.streams.world.test_unmerging import UnmergePlayer
from tests.streams.world.test_visits import VisitPlayer

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

ROUND_MS = 15_000  # longer than the settling time, and what was under way


class LatePlayer(Player):
    """Everything happened hours ago; the system's time goes on while it is read."""

    world_clock: Clock = "wall"

    def __init__(self, history: tuple[int, bytes]) -> None:
        super().__init__(history)
        self.world.now = START + SENT_WITHIN_MS + 24 * HOUR

    def _play(self, step: str, random: Random) -> None:
        super()._play(step, random)
        self.world.pass_time(random.choice((0, 0, 100, 2_000, ROUND_MS)))

    def pass_time(self, pass_ms: int) -> None:
        self.at += pass_ms
        for _ in range(6):  # what is held back may be sent on, and be held back there
            self.world.run()
            self.world.pass_time(ROUND_MS)
        self.world.run()

    def clock(self) -> int:
        return self.world.now


class LateUnmergePlayer(LatePlayer, UnmergePlayer):
    def end(self) -> None:
        super().end()
        assert [key for key in self.world.stored("profile") if b"#e" in key] == []
        assert set(self.world.stored("profile").get(HELD, [b"0"])) == {b"0"}


class LateVisitPlayer(LatePlayer, VisitPlayer):
    def pass_time(self, pass_ms: int) -> None:
        super().pass_time(pass_ms)
        self.world.pass_time(pass_ms)


@given(HISTORIES)
def test_at_rest_every_profile_is_what_its_late_events_say(history: tuple[int, bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if history[0] % 2:
            patch.setattr(recent_ids, "MAX_IDS", 3)
            patch.setattr(merging, "MAX_SENT_IDS", 6)
        if history[0] % 3 == 0:
            patch.setattr(settling, "MAX_HELD", 2)
        LateUnmergePlayer(history).play()


@given(HISTORIES)
def test_at_rest_late_visits_alone_have_vanished_and_those_of_persons_count(history: tuple[int, bytes]) -> None:
    LateVisitPlayer(history).play()
