"""Bytes of RESOLVE's entries."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.entries import IdentifierEntry, decode_entry, encode_entry

entries = st.builds(
    IdentifierEntry,
    profile_id=st.none() | st.uuids().map(str),
    decision=st.integers(0, 2**63 - 1),
    paired=st.binary(max_size=64),
)


@given(entries)
def test_an_entry_survives_its_bytes(entry: IdentifierEntry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


def test_an_entry_with_fewer_fields_than_today_stays_readable() -> None:
    stored = msgspec.msgpack.encode(["3f0e7a52-54a8-5b7e-8f2f-0d9d1d4f3c11", 7])

    assert decode_entry(stored) == IdentifierEntry("3f0e7a52-54a8-5b7e-8f2f-0d9d1d4f3c11", 7)


def test_an_entry_with_more_fields_than_today_stays_readable() -> None:
    stored = msgspec.msgpack.encode([None, 3, b"12345678", "from a later release"])

    assert decode_entry(stored) == IdentifierEntry(None, 3, b"12345678")


@pytest.mark.parametrize("stored", [b"", b"\x00", b"\xc1", b"\x93\x01\x02\x03", b"{}"])
def test_bytes_that_are_no_entry_are_refused(stored: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_entry(stored)
