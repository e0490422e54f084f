"""RESOLVE, GRAPH and PROFILE together: whatever the interleaving, each message counts once, in the right profile."""

from random import Random

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from schemas.identity import default_profile_id, identifier_key
from schemas.records import Absorb, Event, Identifier, Transfer
from tests.identity.deciding import PLAIN_NAMESPACES, plain
from tests.identity.network import NAMESPACE, WORKSPACE, Network, ProfileModel
from tests.oracle.identities import without_devices

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(1_800)]

POOL = [Identifier(namespace, f"{n}") for namespace in ("user_id", "email", "cookie", "anonymous_id") for n in range(3)]
SMALL = plain(max_identifiers=6)


class Scenario(msgspec.Struct, frozen=True):
    """`sends`: the messages in the order in which the client sends them, retries among them."""

    sends: list[Event]
    partitions: int
    redelivers: bool
    seed: int


def _event(number: int, identifiers: list[Identifier]) -> Event:
    return Event(WORKSPACE, "shop", f"m{number}", "track", "Viewed", 0, None, 0, SMALL.usable(identifiers))


def _random_scenario(seed: int) -> Scenario:
    random = Random(seed)
    messages = [_event(number, random.choices(POOL, k=random.randint(1, 3))) for number in range(12)]
    sends = messages * 3
    random.shuffle(sends)
    return Scenario(sends, 4, redelivers=True, seed=seed)


def _run(scenario: Scenario, kind: type[Network] = Network) -> Network:
    network = kind(scenario.partitions, Random(scenario.seed), SMALL, scenario.redelivers)
    network.run(scenario.sends)
    return network


def _expected(network: Network, sends: list[Event]) -> dict[str, set[str]]:
    """Message ids by profile id, by the naive model fed with the requests in the order in which GRAPH read them."""
    model = without_devices(PLAIN_NAMESPACES, max_size=6)
    for request in network.requests:
        model.decide(request)
    expected: dict[str, set[str]] = {}
    for event in sends:
        canonical = model.canonical_of(event.identifiers[0])
        expected.setdefault(default_profile_id(NAMESPACE, canonical), set()).add(event.message_id)
    return expected


def _counted(network: Network) -> dict[str, set[str]]:
    counted = {profile_id: profile.counted for profile_id, profile in network.profiles.items()}
    for profile_id, state in counted.items():
        assert state.events == len(state.message_ids), f"{profile_id} counted a message twice"
    return {profile_id: state.message_ids for profile_id, state in counted.items() if state.message_ids}


class Protocol(RuleBasedStateMachine):
    """A client sends messages and retries while the logs are read in any order; then all are read to the end."""

    kind = Network
    messages = Bundle("messages")

    @initialize(partitions=st.integers(1, 4), redelivers=st.booleans(), seed=st.integers(0, 2**32))
    def begin(self, partitions: int, redelivers: bool, seed: int) -> None:
        self.network = self.kind(partitions, Random(seed), SMALL, redelivers)
        self.sent: list[Event] = []

    @rule(target=messages, identifiers=st.lists(st.sampled_from(POOL), min_size=1, max_size=3))
    def send(self, identifiers: list[Identifier]) -> Event:
        event = _event(len(self.sent), identifiers)
        self.sent.append(event)
        self.network.send(event)
        return event

    @rule(event=messages)
    def retry(self, event: Event) -> None:
        self.network.send(event)

    @rule(data=st.data(), records=st.integers(1, 5))
    def read(self, data: st.DataObject, records: int) -> None:
        for _ in range(records):
            if waiting := sorted(self.network.waiting()):
                self.network.step(data.draw(st.sampled_from(waiting)))

    def teardown(self) -> None:
        self.network.run([])
        assert _counted(self.network) == _expected(self.network, self.sent)
        self._check_routes()
        self._check_forwards()
        self.network.run(self.sent)
        assert _counted(self.network) == _expected(self.network, self.sent), "a retry after the end was counted"

    def _check_routes(self) -> None:
        """Every identifier is routed to its profile, and in the list of its identifiers."""
        for identifier in POOL:
            profile_id = default_profile_id(NAMESPACE, self.network.canonical_of(identifier))
            entry = self.network.entries.get(identifier_key(WORKSPACE, identifier))
            assert ((entry and entry.profile_id) or default_profile_id(NAMESPACE, identifier)) == profile_id
            if self.network.canonical_of(identifier) != identifier:
                assert identifier in self.network.profile(profile_id).identifiers

    def _check_forwards(self) -> None:
        """Forwards lead to the survivor, and never in a circle."""
        for identifier in POOL:
            profile_id, passed = default_profile_id(NAMESPACE, identifier), set[str]()
            while (target := self.network.profile(profile_id).merged_into) is not None:
                passed.add(profile_id)
                profile_id = target
                assert profile_id not in passed
            assert profile_id == default_profile_id(NAMESPACE, self.network.canonical_of(identifier))


class ForgetfulResolve(Network):
    """Looks into another partition's table, as after an event with a key of its producer's choice."""

    def resolve(self, event: Event) -> None:
        if self.random.random() < 0.5:
            self.entries.pop(identifier_key(WORKSPACE, event.identifiers[0]), None)
        super().resolve(event)


class ProtocolWithoutEntries(Protocol):
    """Entries only save a detour."""

    kind = ForgetfulResolve

    def _check_routes(self) -> None:
        """Routes are forgotten here."""


TestProtocol = Protocol.TestCase
TestProtocolWithoutEntries = ProtocolWithoutEntries.TestCase


class SurvivorRoutesWhatItHasNotAbsorbed(Network):
    """Opens the routes of the whole component although some of its states are still on their way."""

    def identifiers_that_move(self, _: ProfileModel, transfer: Transfer) -> tuple[Identifier, ...]:
        return transfer.identifiers


class LoserOpensTheRoutes(Network):
    """Opens the routes when the state leaves, not when it arrives."""

    def on_transfer(self, profile_id: str, transfer: Transfer) -> None:
        self.open_routes(transfer.identifiers, transfer.target, transfer.decision)
        super().on_transfer(profile_id, transfer)


class ForwardKeepsEvents(Network):
    def on_event(self, profile_id: str, event: Event) -> None:
        profile = self.profile(profile_id)
        target, profile.merged_into = profile.merged_into, None
        super().on_event(profile_id, event)
        profile.merged_into = target


class ForwardKeepsStates(Network):
    def on_absorb(self, profile_id: str, absorb: Absorb) -> None:
        self.absorb(profile_id, absorb)


class OlderStatesAreDropped(Network):
    def absorb(self, profile_id: str, absorb: Absorb) -> None:
        if absorb.decision > self.profile(profile_id).decision:
            super().absorb(profile_id, absorb)


class StatesAreAbsorbedTwice(Network):
    def on_absorb(self, profile_id: str, absorb: Absorb) -> None:
        if self.profile(profile_id).merged_into is None:
            self.absorb(profile_id, absorb)
        else:
            super().on_absorb(profile_id, absorb)


@pytest.mark.parametrize(
    "broken",
    [
        SurvivorRoutesWhatItHasNotAbsorbed,
        LoserOpensTheRoutes,
        ForwardKeepsEvents,
        ForwardKeepsStates,
        OlderStatesAreDropped,
        StatesAreAbsorbedTwice,
    ],
)
def test_each_rule_is_needed(broken: type[Network]) -> None:
    for seed in range(500):
        scenario = _random_scenario(seed)
        network = _run(scenario, broken)
        counts = sum(profile.counted.events for profile in network.profiles.values())
        ids = {profile_id: profile.counted.message_ids for profile_id, profile in network.profiles.items()}
        right = {profile_id: messages for profile_id, messages in ids.items() if messages}
        if counts != 12 or right != _expected(network, scenario.sends):
            return
    pytest.fail("the simulation does not notice that the rule is broken")
