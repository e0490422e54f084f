"""Which events are the same: by source and message id, found whole, whatever is united."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Event, Identifier
from streams.fold.recent_ids import ID_BYTES, MAX_IDS, RecentIds, id_of, unpacked
from tests.streams.fold.given import MOMENT, START, event

ANN, COOKIE = Identifier("user_id", "ann"), Identifier("anonymous_id", "c")


def message(number: int, source: str = "site", primary: Identifier = ANN) -> Event:
    return event(START, message_id=f"m{number}", source=source, identifiers=(primary,))


def remembered(*numbers: int, primary: Identifier = ANN) -> RecentIds:
    ids = RecentIds()
    for number in numbers:
        assert ids.remember(message(number, primary=primary))
    return ids


def test_an_event_is_the_same_by_source_and_message_id_whoever_it_names() -> None:
    ids = remembered(1)
    assert not ids.remember(message(1))
    assert not ids.remember(message(1, primary=COOKIE))
    assert ids.remember(message(1, source="crm"))
    assert ids.remember(message(2))


def test_the_tag_says_by_which_primary_identifier_the_first_one_came() -> None:
    ids = remembered(1)
    assert not ids.remember(message(1, primary=COOKIE))
    assert ids.tag_of(id_of(message(1, primary=COOKIE)).hash) == id_of(message(1)).tag
    assert id_of(message(1)).tag != id_of(message(1, primary=COOKIE)).tag
    assert ids.tag_of(id_of(message(2)).hash) is None


def test_parts_of_two_neighbours_are_no_id() -> None:
    hash_, tag = id_of(message(1))
    ids = RecentIds(bytearray(b"abcd" + hash_ + tag + b"efgh1234"))
    assert len(ids.packed) == 2 * ID_BYTES
    assert ids.tag_of(hash_) is None
    assert ids.remember(message(1))
    assert not ids.remember(message(1))


def test_what_is_taken_out_is_counted() -> None:
    ids = remembered(*range(MAX_IDS))
    assert ids.is_full
    assert {event_id.hash for event_id in ids.take()} == {id_of(message(number)).hash for number in range(MAX_IDS)}
    assert (ids.stored, ids.is_full, len(ids.packed)) == (MAX_IDS, False, 0)
    assert ids.remember(message(0)), "whoever keeps them has to be asked"


@given(*[st.lists(st.integers(0, 60), unique=True)] * 3)
def test_uniting_is_commutative_and_associative(a: list[int], b: list[int], c: list[int]) -> None:
    sides = [remembered(*a), remembered(*b, primary=COOKIE), remembered(*c)]

    def united(*order: int) -> RecentIds:
        result = RecentIds()
        for side in order:
            result.unite(sides[side], MOMENT)
        return result

    nested = united(1, 2)
    nested.unite(sides[0], MOMENT)
    assert (
        set(unpacked(united(0, 1, 2).packed)) == set(unpacked(united(2, 0, 1).packed)) == set(unpacked(nested.packed))
    )
    assert not any(nested.remember(message(number)) for number in {*a, *b, *c})
