"""Devices that are handed on to whoever signed in last, in any interleaving: each owner has the events of its time."""

from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given

from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.records import Event, EventType, Identifier
from tests.oracle.reference import Person, recompute
from tests.streams.world.playing import HISTORIES, HOUR, MINUTE, REFERENCE, START, Player
from tests.streams.world.world import WORKSPACE

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

RULES = IdentityRules(
    tuple(
        msgspec.structs.replace(namespace, shared="last_login") if namespace.name == "anonymous_id" else namespace
        for namespace in DEFAULT_RULES.namespaces
    )
)
DEVICES_FIRST = IdentityRules(tuple(sorted(RULES.namespaces, key=lambda namespace: namespace.name != "anonymous_id")))
PEOPLE = [Identifier(namespace, f"{n}x") for namespace in ("user_id", "email") for n in range(3)]
DEVICES = [Identifier("anonymous_id", f"d{n}") for n in range(2)]


class SignInPlayer(Player):
    """Each owner has the events of its time; in every other history all are of a few minutes, most of them late."""

    identity_rules = RULES
    gaps = (0, 1, MINUTE, 20 * MINUTE, 31 * MINUTE)
    pool = (*PEOPLE, *DEVICES)

    def event(self, random: Random, number: int, at: int) -> Event:
        identifiers = [random.choice(DEVICES)] if random.randint(0, 9) else []
        if not identifiers or random.choice((True, False)):
            identifiers += random.sample(PEOPLE, random.choice((1, 1, 1, 2)))
        is_sign_in = len(identifiers) > 1 and random.choice((True, True, False))
        kind: EventType = "identify" if is_sign_in else "track"
        if self.seed % 2:
            occurred_at = START - random.randint(0, 9) * MINUTE
        else:
            occurred_at = at - random.choice((0, 0, 0, 0, 30 * MINUTE, 2 * HOUR))
        return Event(
            WORKSPACE, random.choice(("web", "crm")), f"m{number}", kind, None if is_sign_in else "View", occurred_at,
            None, at, self.identity_rules.usable(identifiers),
            traits=f'{{"plan": {random.randint(0, 3)}}}' if is_sign_in else "{}",
        )  # fmt: skip

    def expected(self) -> dict[str, Person]:
        components = {self.world.component(identifier).identifiers for identifier in self.pool}
        shared = self.world.shared(DEVICES)
        return recompute(self.sent, components, self.reference, self.clock(), self._owner, shared)

    def _owner(self, event: Event) -> Identifier:
        primary = event.identifiers[0]
        if not self.world.graph.devices.is_attributed(primary):
            return primary
        sign_ins = self.world.graph.devices.sign_ins(primary)
        if not sign_ins:  # one was merged with it by hand, and who signed in is to be kept apart from it
            return primary
        at = max(event.occurred_at, sign_ins[0].since)
        return [sign_in for sign_in in sign_ins if sign_in.since <= at][-1].identifier


class DevicesFirstPlayer(SignInPlayer):
    """So it is where devices rank above persons: a person may own events without having sent any."""

    identity_rules = DEVICES_FIRST
    reference = replace(REFERENCE, strength=lambda identifier: DEVICES_FIRST.rank(identifier)[::2])


@pytest.mark.parametrize("player", [SignInPlayer, DevicesFirstPlayer])
@given(history=HISTORIES)
def test_at_rest_every_owner_has_the_events_of_its_time(player: type[Player], history: tuple[int, bytes]) -> None:
    player(history).play()
