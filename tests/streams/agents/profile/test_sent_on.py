"""Events that other profiles have sent on: the profile has the identifier that they count for, by the decision."""

from schemas.records import Event, Fold, Identifier, Profile, ProfileCommand
from schemas.topics import PROFILES
from tests.streams.agents.profile.partition import ANN, ANNS, ProfilePartition
from tests.streams.fold.given import START, event

TABLET = Identifier("anonymous_id", "tablet")


def _send_on(profiles: ProfilePartition, decision: int = 0, owner: Identifier | None = None) -> Profile:
    encoded = profiles.codec.encoder(Event)(event(START + 1, message_id="m1", identifiers=(TABLET,)))
    profiles.command(ProfileCommand.of("main", ANNS, Fold(encoded, decision, owner)))
    (profile,) = profiles.read(PROFILES, Profile)
    return profile


def test_whoever_owns_an_event_of_a_device_has_an_identifier_without_having_sent_any() -> None:
    profile = _send_on(ProfilePartition(), owner=ANN)
    assert (profile.identifiers, profile.events) == ((ANN,), 1)


def test_what_a_forward_sends_is_taken_in_by_its_decision_though_its_state_never_came() -> None:
    profiles = ProfilePartition()
    profiles.event(event(START, message_id="m0"), ANN)
    profile = _send_on(profiles, decision=7)
    assert (profile.identifiers, profile.events, profile.decision) == ((ANN, TABLET), 2, 7)
