"""The profile of a shared device: it folds nothing that somebody owns, and knows what it attributed to whom."""

from schemas.records import Identifier, Owner
from streams.fold.attribution import owner_of
from streams.fold.entry import decode_entry, encode_entry
from streams.fold.identifiers import Identifiers
from streams.fold.ownership import Ownership
from streams.fold.state import ProfileState
from tests.streams.fold.given import START, event

TILL, KIM, LEA = Identifier("anonymous_id", "till"), Identifier("user_id", "kim"), Identifier("user_id", "lea")


def _owners(*owners: tuple[int, Identifier]) -> tuple[Owner, ...]:
    return tuple(Owner(START + since, person.namespace, person.value) for since, person in owners)


def _till(*owners: tuple[int, Identifier]) -> ProfileState:
    return ProfileState(identifiers=Identifiers([("anonymous_id", "till")]), ownership=Ownership(_owners(*owners), 3))


def test_any_other_profile_attributes_nothing() -> None:
    assert owner_of(ProfileState(), event(START)) is None


def test_an_event_goes_to_whoever_owned_the_device_then() -> None:
    state = _till((10, KIM), (20, LEA))
    assert [owner_of(state, event(START + time)) for time in (0, 10, 19, 20, 99)] == [KIM, KIM, KIM, LEA, LEA]
    assert state.ownership.attributed_until == START + 99
    assert decode_entry(encode_entry(state, 0)) == state


def test_a_device_that_owns_its_events_itself_folds_them() -> None:
    state = _till((10, KIM), (20, TILL))
    assert [owner_of(state, event(START + time)) for time in (15, 25)] == [KIM, None]
    assert state.ownership.attributed_until == START + 15


def test_a_sign_in_after_all_that_was_attributed_concerns_no_person() -> None:
    state = _till((10, KIM))
    owner_of(state, event(START + 15))
    assert state.ownership.assign(_owners((10, KIM), (20, LEA)), 4) == ()
    assert owner_of(state, event(START + 25)) == LEA


def test_a_sign_in_before_something_that_was_attributed_concerns_both() -> None:
    state = _till((10, KIM))
    owner_of(state, event(START + 25))
    assert state.ownership.assign(_owners((10, KIM), (20, LEA)), 4) == (KIM, LEA)


def test_an_older_decision_says_nothing_new() -> None:
    state = _till((10, KIM))
    owner_of(state, event(START + 25))
    assert state.ownership.assign(_owners((10, LEA)), 3) == ()
    assert state.ownership.owners == _owners((10, KIM))


def test_what_was_attributed_before_a_reattribution_is_stale() -> None:
    ownership = Ownership(reattributed={"anonymous_id:till": 5})
    assert [ownership.is_stale(TILL, decision) for decision in (4, 5)] == [True, False]
    assert not ownership.is_stale(Identifier("anonymous_id", "other"), 0)
