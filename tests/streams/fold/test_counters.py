"""Counters are exact for the names they keep, and the same in any order."""

from hypothesis import given
from hypothesis import strategies as st

from streams.fold.counters import MAX_NAMES, OTHER, count, unite

NAMES = st.lists(st.integers(0, 400).map(lambda number: f"name {number:03}"), max_size=60)


@given(ours=NAMES, theirs=NAMES, data=st.data())
def test_counting_and_merging_commute_beyond_the_maximum(
    ours: list[str], theirs: list[str], data: st.DataObject
) -> None:
    crowd = [f"name {number:03}" for number in range(0, 400, 2)] + [f"z{number}" for number in range(60)]
    left: dict[str, int] = {}
    right: dict[str, int] = {}
    whole: dict[str, int] = {}
    for name in crowd + ours:
        count(left, name)
    for name in theirs:
        count(right, name)
    for name in data.draw(st.permutations(crowd + ours + theirs)):
        count(whole, name)
    united = dict(right)
    unite(united, left)
    unite(left, right)
    assert left == united == whole
    assert sum(whole.values()) == len(crowd + ours + theirs)
    assert sorted(whole.keys() - {OTHER}) == sorted({*crowd, *ours, *theirs})[:MAX_NAMES]


def test_an_over_long_name_counts_as_other() -> None:
    counters: dict[str, int] = {}
    count(counters, "n" * 129)
    count(counters, "n" * 128)
    assert counters == {OTHER: 1, "n" * 128: 1}
