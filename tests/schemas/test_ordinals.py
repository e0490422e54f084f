"""Ordinals order events of one millisecond: the microsecond first, then the sequence."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.ordinals import MAX_SEQUENCE, microsecond_of, pack_ordinal

PAIRS = st.tuples(st.integers(0, 999), st.integers(1, MAX_SEQUENCE))


@given(PAIRS, PAIRS)
def test_the_order_is_that_of_microsecond_and_sequence(left: tuple[int, int], right: tuple[int, int]) -> None:
    assert (pack_ordinal(*left) < pack_ordinal(*right)) == (left < right)


@given(PAIRS)
def test_it_fits_a_long_is_no_producers_zero_and_gives_the_microsecond_back(pair: tuple[int, int]) -> None:
    ordinal = pack_ordinal(*pair)
    assert 0 < ordinal < 2**63
    assert microsecond_of(ordinal) == pair[0]
