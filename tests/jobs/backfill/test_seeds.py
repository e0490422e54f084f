"""Seeds come in parts where one record does not hold all states of a profile; a state that none holds is left out."""

from collections.abc import Iterator, Mapping

from definitions.model import Call, EventCount, EventMatcher, Window
from definitions.plan import needs
from jobs.backfill.protocols import AddressedSeed, Wanted
from jobs.backfill.seeds import MAX_BYTES, seeds
from schemas.records import Seed

HEAD = Seed(4, "attempt", "", decision=7, complete_to=3)
ACCUMULATORS = tuple(
    need for name in "abcdef" for need in needs(EventCount(EventMatcher((Call("track", name),)), Window(1_000)))
)
WANTED = Wanted("main", "person", 4, ACCUMULATORS)


class Past:
    """States of these lengths, in the order of the accumulators."""

    def __init__(self, **lengths: tuple[int, ...]) -> None:
        self._lengths = lengths

    def states(self, wanted: Wanted) -> Iterator[tuple[str, Mapping[str, bytes]]]:
        for profile_id, lengths in self._lengths.items():
            yield profile_id, {a.id: bytes(length) for a, length in zip(wanted.accumulators, lengths, strict=False)}

    def decided(self, workspace: str, position: int) -> int:
        raise NotImplementedError


def sent(past: Past) -> tuple[list[AddressedSeed], set[str]]:
    left_out: set[str] = set()
    return list(seeds(past, (WANTED,), HEAD, left_out)), left_out


def lengths(of: list[AddressedSeed]) -> list[list[int]]:
    return [list(map(len, each.seed.states.values())) for each in of]


def test_what_a_record_holds_is_one_seed() -> None:
    ((seed,), left_out) = sent(Past(ann=(5, MAX_BYTES - 5)))
    assert (seed.workspace, seed.profile_id) == ("main", "ann")
    assert (seed.seed.origin, seed.seed.attempt, seed.seed.version, seed.seed.decision) == ("ann", "attempt", 4, 7)
    assert lengths([seed]) == [[5, MAX_BYTES - 5]]
    assert left_out == set()


def test_what_it_does_not_hold_comes_in_parts_that_have_each_state_once() -> None:
    half = MAX_BYTES // 2
    found, left_out = sent(Past(ann=(half, half, 1, MAX_BYTES, 7, 8), ben=(1,)))
    assert lengths(found) == [[half, half], [1], [MAX_BYTES], [7, 8], [1]]
    keys = [key for each in found if each.profile_id == "ann" for key in each.seed.states]
    assert len(keys) == len(set(keys)) == 6
    assert {each.seed.attempt for each in found} == {"attempt"}
    assert left_out == set()


def test_a_state_that_no_record_holds_is_left_out_and_said_of_its_profile_alone() -> None:
    found, left_out = sent(Past(ann=(3, MAX_BYTES + 1, 4), ben=(MAX_BYTES + 1,), eve=(2,)))
    assert lengths(found) == [[3, 4], [2]]
    assert left_out == {"ann", "ben"}
