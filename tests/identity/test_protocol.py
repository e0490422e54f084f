"""RESOLVE, GRAPH and PROFILE together: whatever the interleaving, each message counts once, in the right profile."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import default_profile_id, identifier_key
from schemas.records import Absorb, Event, Identifier, Transfer
from tests.identity.deciding import plain
from tests.identity.network import NAMESPACE, WORKSPACE, Network, ProfileModel
from tests.identity.reference import Persons

pytestmark = pytest.mark.soak(has_short_form=True)

POOL = [Identifier(namespace, f"{n}") for namespace in ("user_id", "email", "cookie", "anonymous_id") for n in range(3)]
SMALL = plain(max_identifiers=6)


class Scenario(msgspec.Struct, frozen=True):
    """`sends`: the messages in the order in which the client sends them, retries among them."""

    sends: list[Event]
    partitions: int
    replays: bool
    seed: int


def _event(number: int, identifiers: list[Identifier]) -> Event:
    return Event(WORKSPACE, "shop", f"m{number}", "track", "Viewed", 0, None, 0, SMALL.usable(identifiers))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    met = draw(st.lists(st.lists(st.sampled_from(POOL), min_size=1, max_size=3), min_size=1, max_size=15))
    messages = [_event(number, identifiers) for number, identifiers in enumerate(met)]
    retries = draw(st.lists(st.sampled_from(messages), max_size=15))
    sends = draw(st.permutations(messages + retries))
    return Scenario(sends, draw(st.integers(1, 4)), draw(st.booleans()), draw(st.integers(0, 2**32)))


def _random_scenario(seed: int) -> Scenario:
    random = Random(seed)
    messages = [_event(number, random.choices(POOL, k=random.randint(1, 3))) for number in range(12)]
    sends = messages * 3
    random.shuffle(sends)
    return Scenario(sends, 4, replays=True, seed=seed)


def _run(scenario: Scenario, kind: type[Network] = Network) -> Network:
    network = kind(scenario.partitions, Random(scenario.seed), SMALL, scenario.replays)
    network.run(scenario.sends)
    return network


def _expected(network: Network, sends: list[Event]) -> dict[str, set[str]]:
    """Message ids by profile id, by the naive reference fed with the requests in the order in which GRAPH read them."""
    persons = Persons(max_size=6)
    for request in network.requests:
        persons.together(request.identifiers)
    expected: dict[str, set[str]] = {}
    for event in sends:
        canonical = persons.canonical_of(event.identifiers[0])
        expected.setdefault(default_profile_id(NAMESPACE, canonical), set()).add(event.message_id)
    return expected


def _counted(network: Network) -> dict[str, set[str]]:
    counted = {profile_id: profile.counted for profile_id, profile in network.profiles.items()}
    for profile_id, state in counted.items():
        assert state.events == len(state.message_ids), f"{profile_id} counted a message twice"
    return {profile_id: state.message_ids for profile_id, state in counted.items() if state.message_ids}


@given(scenarios())
def test_each_message_counts_once_and_in_the_right_profile(scenario: Scenario) -> None:
    network = _run(scenario)
    expected = _expected(network, scenario.sends)
    assert _counted(network) == expected

    network.run(scenario.sends)
    assert _counted(network) == expected, "a retry after the end was counted"


@given(scenarios())
def test_at_rest_every_identifier_is_routed_to_its_profile_and_known_to_it(scenario: Scenario) -> None:
    network = _run(scenario)

    for identifier in POOL:
        profile_id = default_profile_id(NAMESPACE, network.canonical_of(identifier))
        entry = network.entries.get(identifier_key(WORKSPACE, identifier))
        assert ((entry and entry.profile_id) or default_profile_id(NAMESPACE, identifier)) == profile_id
        if network.canonical_of(identifier) != identifier:
            assert identifier in network.profile(profile_id).identifiers


@given(scenarios())
def test_forwards_lead_to_the_survivor_and_never_in_a_circle(scenario: Scenario) -> None:
    network = _run(scenario)

    for identifier in POOL:
        profile_id, passed = default_profile_id(NAMESPACE, identifier), set[str]()
        while (target := network.profile(profile_id).merged_into) is not None:
            passed.add(profile_id)
            profile_id = target
            assert profile_id not in passed
        assert profile_id == default_profile_id(NAMESPACE, network.canonical_of(identifier))


class ForgetfulResolve(Network):
    """Looks into another partition's table, as after an event with a key of its producer's choice."""

    def resolve(self, event: Event) -> None:
        if self.random.random() < 0.5:
            self.entries.pop(identifier_key(WORKSPACE, event.identifiers[0]), None)
        super().resolve(event)


@given(scenarios())
def test_entries_only_save_a_detour(scenario: Scenario) -> None:
    network = _run(scenario, ForgetfulResolve)

    assert _counted(network) == _expected(network, scenario.sends)


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
