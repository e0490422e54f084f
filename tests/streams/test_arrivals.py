"""How far a partition has read what has arrived: never further than it has."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.arrivals import MAX_NOTES, ReadArrivals

E0, E1, R0, R1 = ("events", 0), ("events", 1), ("events.resolved", 0), ("events.resolved", 1)


def test_a_partition_has_read_up_to_a_look_once_all_is_resolved_and_then_read() -> None:
    arrivals = ReadArrivals()
    arrivals.note(1_000, {E0: 5, E1: 7})
    assert arrivals.newest_resolved({E0: 5, E1: 6}) is None
    assert arrivals.newest_resolved({E0: 5, E1: 7}) == 1_000
    arrivals.note_resolved(1_000, {R0: 9, R1: 0})

    assert [arrivals.read_to(R0, read) for read in (8, 9)] == [0, 1_000]
    assert arrivals.read_to(R1, 0) == 1_000, "nothing of it came here"


def test_what_a_group_never_committed_it_has_not_read() -> None:
    arrivals = ReadArrivals()
    arrivals.note(1_000, {E0: 1, E1: 0})

    assert arrivals.newest_resolved({}) is None
    assert arrivals.newest_resolved({E0: 1}) == 1_000


def test_of_several_looks_the_newest_counts_that_is_reached() -> None:
    arrivals = ReadArrivals()
    for at in (1_000, 2_000, 3_000):
        arrivals.note(at, {E0: at})
    assert arrivals.newest_resolved({E0: 2_999}) == 2_000
    assert arrivals.newest_resolved({E0: 2_999}) is None, "that is known already"
    assert arrivals.newest_resolved({E0: 3_000}) == 3_000


def test_a_worker_that_is_far_behind_keeps_few_notes_and_still_reaches_them() -> None:
    arrivals = ReadArrivals()
    for at in range(1, 4 * MAX_NOTES):
        arrivals.note(at, {E0: at})
        arrivals.note_resolved(at, {R0: at})
    newest = arrivals.newest_resolved({E0: 2 * MAX_NOTES})

    assert newest is not None
    assert MAX_NOTES < newest <= 2 * MAX_NOTES
    assert MAX_NOTES < arrivals.read_to(R0, 2 * MAX_NOTES) <= 2 * MAX_NOTES


@given(st.integers(0, 2**64 - 1))
def test_whatever_arrived_by_then_has_been_read(seed: int) -> None:
    """Two partitions of RESOLVE, each event going to one of two of PROFILE; all advance at random."""
    random, arrivals = Random(seed), ReadArrivals()
    arrived: dict[tuple[str, int], list[tuple[int, int]]] = {E0: [], E1: []}  # when, and for which partition
    resolved: dict[tuple[str, int], list[int]] = {R0: [], R1: []}  # when what arrived
    done: Counter[tuple[str, int]] = Counter()
    for now in range(1, 200):
        for _ in range(random.randrange(3)):
            arrived[random.choice((E0, E1))].append((now, random.randrange(2)))
        for partition in (E0, E1):
            for at, target in arrived[partition][done[partition] :][: random.randrange(3)]:
                resolved["events.resolved", target].append(at)
                done[partition] += 1
        for partition in (R0, R1):
            done[partition] = random.randint(done[partition], len(resolved[partition]))
        if random.random() < 0.5:
            arrivals.note(now, {partition: len(arrived[partition]) for partition in (E0, E1)})
            if (resolved_to := arrivals.newest_resolved(done)) is not None:
                arrivals.note_resolved(resolved_to, {partition: len(resolved[partition]) for partition in (R0, R1)})
        for number, partition in enumerate((R0, R1)):
            read_to, read = arrivals.read_to(partition, done[partition]), resolved[partition][: done[partition]]
            sent = [at for each in (E0, E1) for at, target in arrived[each] if target == number and at <= read_to]
            assert Counter(sent) <= Counter(read)
