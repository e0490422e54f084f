"""What is read of the bytes of an entry, or kept in them, is as if the whole had been decoded; or it has to be."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import NEVER
from schemas.records import Seed
from streams.fold.entry import (
    Entry,
    Forward,
    Settling,
    decode_entry,
    encode_entry,
    encode_settling,
    identifiers_of,
    with_seed,
)
from streams.fold.seeds import PendingSeed
from streams.fold.state import ProfileState
from tests.streams.fold.test_facets import DRAWN

NIL = b"\xc0"
STATES = st.dictionaries(st.sampled_from(["a@2", "b@2"]), st.just(NIL), min_size=1)
SEEDS = st.builds(Seed, st.just(2), st.just("7-1"), st.just("p"), st.integers(0, 9), st.just(1), STATES)
PROFILES = st.fixed_dictionaries({name: DRAWN[name] for name in sorted(DRAWN)})


def seeded(state: ProfileState, seed: Seed) -> ProfileState:
    state.seeds.take(seed.origin, PendingSeed.of(seed))
    return state


@given(PROFILES, SEEDS, st.integers(0, NEVER))
def test_the_bytes_are_those_of_the_profile_that_took_it(
    facets: dict[str, object], seed: Seed, next_deadline: int
) -> None:
    state = msgspec.structs.replace(ProfileState(5), **facets)
    is_void, has_other = seed.decision < state.lineage.rebuilt, bool(state.seeds.pending)
    value = with_seed(encode_entry(state, next_deadline), seed)
    if is_void or has_other:
        assert value is None
    else:
        assert value == encode_entry(seeded(state, seed), next_deadline)


SEED = Seed(2, "7-1", "p", 0, 1, {"a@2": NIL})
LONG = ProfileState(5)
LONG.memberships.entered_at = {f"segment {number}": number for number in range(300)}


@pytest.mark.parametrize("entry", [LONG, Forward("q", 1)])
def test_what_is_compressed_or_no_profile_is_to_be_decoded(entry: Entry) -> None:
    assert with_seed(encode_entry(entry, NEVER), SEED) is None


def test_a_profile_that_holds_something_back_is_to_be_decoded() -> None:
    assert with_seed(encode_settling(Settling(), ProfileState(5), NEVER), SEED) is None


def test_a_seed_by_which_the_entry_would_be_compressed_leaves_it_to_the_caller() -> None:
    value = encode_entry(ProfileState(5), NEVER)
    large = msgspec.structs.replace(SEED, states={f"a{number}@2": NIL for number in range(500)})
    assert with_seed(value, large) is None
    assert isinstance(decode_entry(value), ProfileState)


@given(PROFILES, st.booleans())
def test_the_identifiers_of_a_profile_are_read_alone_also_where_it_is_compressed(
    facets: dict[str, object], is_long: bool
) -> None:
    state = msgspec.structs.replace(ProfileState(5), **facets)
    if is_long:
        state.memberships.entered_at = LONG.memberships.entered_at
    value = encode_entry(state, NEVER)
    assert value[:1] == (b"P" if is_long else value[:1])
    assert identifiers_of(value) == state.identifiers


def test_the_identifiers_of_what_is_no_profile_or_waits_are_not_read_alone() -> None:
    waiting = encode_settling(Settling(), ProfileState(5), NEVER)
    assert identifiers_of(waiting) is identifiers_of(encode_entry(Forward("q", 1), NEVER)) is None
