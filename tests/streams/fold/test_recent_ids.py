"""Message ids are remembered long enough, forgotten in the end, and found only whole."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from streams.fold.recent_ids import MAX_IDS, MIN_AGE_MS, MIN_IDS, RecentIds
from tests.streams.fold.given import MOMENT

NOW = 1_700_000_000_000


def remembered(names: range, received_at: int = NOW) -> RecentIds:
    ids = RecentIds()
    for number in names:
        assert ids.remember(f"m{number}", received_at)
    return ids


def test_a_profile_with_few_events_never_forgets() -> None:
    ids = remembered(range(MIN_IDS - 1))
    for number in range(MIN_IDS - 1):
        assert not ids.remember(f"m{number}", NOW + 5000 * MIN_AGE_MS)


def test_the_ids_of_the_last_day_are_known_through_a_change_of_generation() -> None:
    ids = RecentIds()
    step = MIN_AGE_MS // 500
    for number in range(3000):
        assert ids.remember(f"m{number}", NOW + number * step)
        assert not ids.remember(f"m{max(0, number - 500)}", NOW + number * step)
    assert ids.remember("m0", NOW + 3000 * step)
    assert len(ids.recent) + len(ids.previous) < 8 * 2000


def test_a_flood_keeps_the_stated_maximum() -> None:
    ids = remembered(range(20_000))
    assert len(ids.recent) + len(ids.previous) <= 2 * MAX_IDS * 8
    assert not any(ids.remember(f"m{number}", NOW) for number in range(20_000 - MAX_IDS, 20_000))
    assert ids.remember("m0", NOW)


def test_parts_of_two_neighbours_are_no_id() -> None:
    hashed = hashlib.blake2b(b"m", digest_size=8).digest()
    ids = RecentIds(NOW, bytearray(b"abc" + hashed + b"defgh"), b"abcd" + hashed + b"efgh")
    assert ids.remember("m", NOW)
    assert not ids.remember("m", NOW)


@given(st.lists(st.integers(0, 60)), st.lists(st.integers(0, 60)), st.lists(st.integers(0, 60)))
def test_uniting_is_commutative_associative_and_idempotent(a: list[int], b: list[int], c: list[int]) -> None:
    def given_ids(*sides: list[int]) -> RecentIds:
        united = RecentIds()
        for side in sides:
            ids = RecentIds()
            for number in side:
                ids.remember(f"m{number}", NOW + number)
            united.unite(ids, MOMENT)
        return united

    assert given_ids(a, b, c) == given_ids(c, a, b) == given_ids(b, c, a, a)
    nested = given_ids(b, c)
    nested.unite(given_ids(a), MOMENT)
    assert nested == given_ids(a, b, c)
    assert not any(nested.remember(f"m{number}", NOW) for number in {*a, *b, *c})


def test_uniting_stays_within_the_maximum() -> None:
    ids = remembered(range(MAX_IDS))
    ids.unite(remembered(range(MAX_IDS, 2 * MAX_IDS)), MOMENT)
    assert len(ids.recent) == MAX_IDS * 8
    assert ids.remember("new", NOW)
    assert not ids.remember("new", NOW)
