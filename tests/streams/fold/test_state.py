"""The bytes of an entry: what must be readable without decoding, and by other releases."""

import msgspec
import pytest

from definitions import NEVER
from streams.fold.entry import Forward, deadline_of, decode_entry, encode_entry
from streams.fold.fold import next_deadline
from streams.fold.state import ProfileState
from tests.streams.fold.given import START, event, fold, identify


def test_an_entry_is_read_back_as_it_was() -> None:
    state, _ = fold([event(START, properties={"url": "https://a"}), identify(START + 1, {"plan": "pro", "city": None})])
    state.lineage.decision = 3
    for entry in (state, ProfileState(), Forward("target", 5, 9)):
        assert decode_entry(encode_entry(entry, START)) == entry


def test_a_long_state_is_compressed_but_for_its_ids_and_is_read_back_as_it_was() -> None:
    state, _ = fold([event(START + number, f"View {number}") for number in range(200)])
    value = encode_entry(state, START)
    assert len(value) < len(msgspec.msgpack.encode(state)) - 1_000
    assert bytes(state.recent_ids.packed[:-20]) in value  # a few bytes of the last lie behind them
    assert decode_entry(value) == state
    assert deadline_of(value[:9]) == START


def test_the_deadline_is_read_without_the_rest() -> None:
    state, _ = fold([event(START)])
    assert deadline_of(encode_entry(state, next_deadline(state))[:9]) == START + 30 * 60_000
    assert deadline_of(encode_entry(Forward("target", 1), NEVER)) == NEVER


def test_a_deadline_before_1970_is_due_at_once() -> None:
    assert deadline_of(encode_entry(ProfileState(), -5)) == 0


def test_a_facet_added_at_the_end_breaks_neither_release() -> None:
    state, _ = fold([event(START)])
    value = encode_entry(state, START)
    fields = msgspec.msgpack.decode(value[9:])
    newer = value[:9] + msgspec.msgpack.encode([*fields, "from a later release"])
    assert decode_entry(newer) == state
    without_expiry = decode_entry(value[:9] + msgspec.msgpack.encode(fields[:-1]))
    assert isinstance(without_expiry, ProfileState)
    assert without_expiry == state


@pytest.mark.parametrize("value", [b"", b"x" * 20, b"p", b"p" + b"\0" * 8 + b"\xc1", b"P" * 20, b"X" + b"\0" * 20])
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's message for two of them, ours for the others
        decode_entry(value)
