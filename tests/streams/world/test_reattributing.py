"""Devices that are handed on to whoever signed in last, in any interleaving: each owner has the events of its time."""

from random import Random

import msgspec
import pytest
from hypothesis import given

from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.records import Event, EventType, Identifier
from tests.oracle.reference import Person, recompute
from tests.streams.world.playing import HISTORIES, HOUR, MINUTE, REFERENCE, Player
from tests.streams.world.world import WORKSPACE

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

RULES = IdentityRules(
    tuple(
        msgspec.structs.replace(namespace, shared="last_login") if namespace.name == "anonymous_id" else namespace
        for namespace in DEFAULT_RULES.namespaces
    )
)
PEOPLE = [Identifier(namespace, f"{n}x") for namespace in ("user_id", "email") for n in range(3)]
DEVICES = [Identifier("anonymous_id", f"d{n}") for n in range(2)]


class SignInPlayer(Player):
    """Each owner has the events of its time."""

    identity_rules = RULES
    gaps = (1, MINUTE, 20 * MINUTE, 31 * MINUTE)
    pool = (*PEOPLE, *DEVICES)

    def event(self, random: Random, number: int, at: int) -> Event:
        identifiers = [random.choice(DEVICES)] if random.randint(0, 9) else []
        if not identifiers or random.choice((True, False)):
            identifiers += random.sample(PEOPLE, random.choice((1, 1, 1, 2)))
        is_sign_in = len(identifiers) > 1 and random.choice((True, True, False))
        kind: EventType = "identify" if is_sign_in else "track"
        occurred_at = at - random.choice((0, 0, 0, 0, 30 * MINUTE, 2 * HOUR))
        return Event(
            WORKSPACE, random.choice(("web", "crm")), f"m{number}", kind, None if is_sign_in else "View", occurred_at,
            None, at, RULES.usable(identifiers), traits=f'{{"plan": {random.randint(0, 3)}}}' if is_sign_in else "{}",
        )  # fmt: skip

    def expected(self) -> dict[str, Person]:
        components = {self.world.component(identifier).identifiers for identifier in self.pool}
        shared = self.world.shared(DEVICES)
        return recompute(self.sent, components, REFERENCE, self.clock(), self._owner, shared)

    def _owner(self, event: Event) -> Identifier:
        primary = RULES.usable(event.identifiers)[0]
        if not self.world.graph.devices.is_attributed(primary):
            return primary
        sign_ins = self.world.graph.devices.sign_ins(primary)
        if not sign_ins:  # one was merged with it by hand, and who signed in is to be kept apart from it
            return primary
        before = [sign_in for sign_in in sign_ins if sign_in.since <= event.occurred_at]
        return (before or sign_ins[:1])[-1].identifier


@given(HISTORIES)
def test_at_rest_every_owner_has_the_events_of_its_time(history: tuple[int, bytes]) -> None:
    SignInPlayer(history).play()
