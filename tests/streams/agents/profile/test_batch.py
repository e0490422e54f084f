"""When a profile is in the index of deadlines: never later than its next deadline, and left alone while it is not."""

from hypothesis import given
from hypothesis import strategies as st

from definitions import NEVER
from streams.agents.profile.batch import BatchProfile
from streams.fold.entry import Forward, deadline_of, encode_entry
from streams.fold.state import ProfileState
from tests.streams.fold.given import CONTEXT

TIMES = st.integers(1, 1_000)


def _profile(indexed: int | None) -> BatchProfile:
    stored = None if indexed is None else encode_entry(ProfileState(), indexed)
    profile = BatchProfile(b"main|profile", stored, CONTEXT)
    profile.entry = profile.entry or ProfileState()
    return profile


def _indexed_at(profile: BatchProfile, now: int) -> int:
    encoded = profile.encoded(now)
    assert encoded is not None
    return deadline_of(encoded)


@given(st.none() | TIMES, TIMES, TIMES)
def test_a_profile_lies_in_the_index_no_later_than_its_deadline(indexed: int | None, now: int, after: int) -> None:
    profile = _profile(indexed)
    profile.deadline = now + after

    indexed_at = _indexed_at(profile, now)

    assert now < indexed_at <= profile.deadline


def test_a_deadline_that_moves_on_leaves_the_index_as_it_is() -> None:
    profile = _profile(100)
    profile.deadline = 500

    assert _indexed_at(profile, now=50) == 100


def test_a_profile_that_was_found_too_early_is_indexed_anew() -> None:
    profile = _profile(100)
    profile.deadline = 500

    assert _indexed_at(profile, now=100) == 500


def test_a_deadline_that_comes_nearer_moves_in_the_index() -> None:
    profile = _profile(500)
    profile.deadline = 200

    assert _indexed_at(profile, now=50) == 200


def test_a_forward_is_not_indexed() -> None:
    profile = _profile(500)
    profile.become(Forward("target", 3))

    assert _indexed_at(profile, now=50) == NEVER


def test_a_profile_that_is_forgotten_leaves_nothing() -> None:
    profile = _profile(500)
    profile.vanish(ProfileState(), now=40, wall_now=40)
    assert profile.encoded(now=50) is not None
    profile.forget()

    assert profile.encoded(now=50) is None
