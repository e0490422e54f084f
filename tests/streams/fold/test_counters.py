"""Counters are exact for the names they keep, and the same in any order."""

from hypothesis import given
from hypothesis import strategies as st

from streams.fold.counters import MAX_NAMES, OTHER, Counters
from streams.fold.moment import Moment, Outputs
from tests.streams.fold.given import CONTEXT, MOMENT, START

NAMES = st.lists(st.integers(0, 400).map(lambda number: f"name {number:03}"), max_size=60)


def counted(names: list[str], moment: Moment = MOMENT) -> Counters:
    counters = Counters()
    for name in names:
        counters.count(name, moment)
    return counters


@given(ours=NAMES, theirs=NAMES, data=st.data())
def test_counting_and_merging_commute_beyond_the_maximum(
    ours: list[str], theirs: list[str], data: st.DataObject
) -> None:
    crowd = [f"name {number:03}" for number in range(0, 400, 2)] + [f"z{number}" for number in range(60)]
    left, right, united = counted(crowd + ours), counted(theirs), counted(theirs)
    whole = counted(data.draw(st.permutations(crowd + ours + theirs)))
    united.unite(left, MOMENT)
    left.unite(right, MOMENT)
    assert left == united == whole
    assert sum(whole.by_name.values()) == len(crowd + ours + theirs)
    assert sorted(whole.by_name.keys() - {OTHER}) == sorted({*crowd, *ours, *theirs})[:MAX_NAMES]


def test_an_over_long_name_counts_as_other() -> None:
    assert counted(["n" * 129, "n" * 128]).by_name == {OTHER: 1, "n" * 128: 1}


def test_every_event_that_counts_as_other_is_counted_as_dropped() -> None:
    out = Outputs()
    names = [f"name {number:03}" for number in range(300)]
    counters = counted(["n" * 129, *names[::-1], *names], Moment(CONTEXT, out, "cause", START, 0))
    assert out.drops == {("event_name", "too_long"): 1, ("event_name", "too_many"): 2 * (300 - MAX_NAMES)}
    assert counters.by_name[OTHER] == sum(out.drops.values())
