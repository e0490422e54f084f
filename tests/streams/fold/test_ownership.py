"""The profile of a device that is handed on: it folds nothing that somebody holds, and knows what it gave to whom."""

from schemas.records import Identifier, Owner
from streams.fold.ownership import assign, owner_of
from streams.fold.state import ProfileState, decode_entry, encode_entry
from tests.streams.fold.given import START, event

TILL, KIM, LEA = Identifier("anonymous_id", "till"), Identifier("user_id", "kim"), Identifier("user_id", "lea")


def _held(*held: tuple[int, Identifier]) -> tuple[Owner, ...]:
    return tuple(Owner(START + since, person.namespace, person.value) for since, person in held)


def _till(*held: tuple[int, Identifier]) -> ProfileState:
    return ProfileState(identifiers=[("anonymous_id", "till")], owners=_held(*held), owners_decision=3)


def test_any_other_profile_hands_nothing_on() -> None:
    assert owner_of(ProfileState(), event(START)) is None


def test_an_event_goes_to_whoever_held_the_device_then() -> None:
    state = _till((10, KIM), (20, LEA))
    assert [owner_of(state, event(START + at)) for at in (0, 10, 19, 20, 99)] == [KIM, KIM, KIM, LEA, LEA]
    assert state.attributed_until == START + 99
    assert decode_entry(encode_entry(state, 0)) == state


def test_a_device_that_holds_its_events_itself_folds_them() -> None:
    state = _till((10, KIM), (20, TILL))
    assert [owner_of(state, event(START + at)) for at in (15, 25)] == [KIM, None]
    assert state.attributed_until == START + 15


def test_a_sign_in_after_all_that_was_handed_on_concerns_nobody() -> None:
    state = _till((10, KIM))
    owner_of(state, event(START + 15))
    assert assign(state, _held((10, KIM), (20, LEA)), 4) == ()
    assert owner_of(state, event(START + 25)) == LEA


def test_a_sign_in_before_something_that_was_handed_on_concerns_both() -> None:
    state = _till((10, KIM))
    owner_of(state, event(START + 25))
    assert assign(state, _held((10, KIM), (20, LEA)), 4) == (KIM, LEA)


def test_an_older_decision_says_nothing_new() -> None:
    state = _till((10, KIM))
    owner_of(state, event(START + 25))
    assert assign(state, _held((10, LEA)), 3) == ()
    assert state.owners == _held((10, KIM))
