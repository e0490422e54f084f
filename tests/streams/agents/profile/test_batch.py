"""A profile's place in the index of deadlines: never later than its next deadline, and left alone while it is not."""

from hypothesis import given
from hypothesis import strategies as st

from definitions import NEVER
from streams.agents.profile.batch import Slot
from streams.fold.state import Forward, ProfileState, deadline_of, encode_entry
from tests.streams.fold.given import CONTEXT

TIMES = st.integers(1, 1_000)


def _slot(indexed: int | None) -> Slot:
    stored = None if indexed is None else encode_entry(ProfileState(), indexed)
    slot = Slot(b"main|profile", stored, CONTEXT)
    slot.entry = slot.entry or ProfileState()
    return slot


def _place(slot: Slot, now: int) -> int:
    encoded = slot.encoded(now)
    assert encoded is not None
    return deadline_of(encoded)


@given(st.none() | TIMES, TIMES, TIMES)
def test_a_profile_lies_in_the_index_no_later_than_its_deadline(indexed: int | None, now: int, after: int) -> None:
    slot = _slot(indexed)
    slot.deadline = now + after

    place = _place(slot, now)

    assert now < place <= slot.deadline


def test_a_deadline_that_moves_on_leaves_the_index_as_it_is() -> None:
    slot = _slot(100)
    slot.deadline = 500

    assert _place(slot, now=50) == 100


def test_a_profile_that_was_found_too_early_gets_its_place() -> None:
    slot = _slot(100)
    slot.deadline = 500

    assert _place(slot, now=100) == 500


def test_a_deadline_that_comes_nearer_moves_in_the_index() -> None:
    slot = _slot(500)
    slot.deadline = 200

    assert _place(slot, now=50) == 200


def test_a_forward_has_no_place() -> None:
    slot = _slot(500)
    slot.become(Forward("target", 3), had_state=True)

    assert _place(slot, now=50) == NEVER


def test_a_profile_that_is_forgotten_leaves_nothing() -> None:
    slot = _slot(500)
    slot.vanish(now=40, wall_now=40)
    assert slot.encoded(now=50) is not None
    slot.forget()

    assert slot.encoded(now=50) is None
