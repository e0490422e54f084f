"""Merges, shared devices, unmerges in any interleaving: at rest, profiles are a plain computation over their events."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given

from identity.rules import DEFAULT_RULES
from schemas.records import Event, EventType, Identifier
from streams.agents.profile import merging
from streams.fold import recent_ids
from tests.streams.world.playing import HISTORIES, MINUTE, Player
from tests.streams.world.world import WORKSPACE

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

POOL = [Identifier(namespace, f"{n}x") for namespace in ("user_id", "phone", "email", "anonymous_id") for n in range(4)]


class UnmergePlayer(Player):
    """In the end, each identifier leads to its profile for later events, too."""

    has_copies = True
    gaps = (1, MINUTE, 20 * MINUTE, 25 * MINUTE, 31 * MINUTE)
    pool = POOL

    def event(self, random: Random, number: int, at: int) -> Event:
        count = random.choice((1, 1, 2, 2, 3))
        identifiers = DEFAULT_RULES.usable(random.sample(POOL, count))
        kind: EventType = random.choice(("identify", "track", "track"))
        return Event(
            WORKSPACE, random.choice(("web", "crm")), f"m{number}", kind, "View" if kind == "track" else None, at, None,
            at, identifiers, traits=f'{{"plan": {random.randint(0, 3)}}}' if kind == "identify" else "{}",
        )  # fmt: skip

    def check(self) -> None:
        super().check()
        counted = Counter(message for person in self.expected().values() for message in person.message_ids)
        assert self.world.counted() == counted

    def end(self) -> None:
        super().end()
        for number, identifier in enumerate(POOL):
            event = Event(WORKSPACE, "web", f"later{number}", "track", "View", self.at, None, self.at, (identifier,))
            self.sent.append(event)
            self.world.send(event)
        super().end()
        assert {self.world.profile_id(identifier) for identifier in POOL} == self.world.profiles().keys()


@given(HISTORIES)
def test_at_rest_every_profile_is_what_its_events_say(history: tuple[int, bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if history[0] % 2:  # the ids of a profile's events leave its state soon, and may be too many to be sent
            patch.setattr(recent_ids, "MAX_IDS", 3)
            patch.setattr(merging, "MAX_SENT_IDS", 6)
        UnmergePlayer(history).play()
