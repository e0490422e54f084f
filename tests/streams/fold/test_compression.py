"""Compressing gives back what it was given, in fewer bytes or not at all, and refuses what it did not write."""

import os

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from runtime.kafka.clients import MAX_RECORD_BYTES
from streams.fold.compression import MIN_BYTES, compress, decompress


@given(st.binary(max_size=40), st.integers(1, 400), st.binary(max_size=3_000), st.data())
def test_what_is_compressed_is_shorter_and_is_given_back(
    repeated: bytes, times: int, hashes: bytes, data: st.DataObject
) -> None:
    encoded = hashes + repeated * times
    compressed = compress(encoded, data.draw(st.integers(0, len(encoded))))
    assert compressed is None or (len(compressed) < len(encoded) and decompress(compressed) == encoded)


def test_names_and_times_that_repeat_take_less_than_half() -> None:
    encoded = b"".join(b"segment %03d\xcf\x00\x00\x01\xa2\x3b\x5c\x9d\x10" % number for number in range(200))
    compressed = compress(encoded, 0)
    assert compressed is not None
    assert len(compressed) < len(encoded) / 2


def test_short_bytes_hashes_and_what_no_record_holds_stay_as_they_are() -> None:
    assert compress(b"a" * (MIN_BYTES - 1), 0) is None
    assert compress(b"a" * (MIN_BYTES + 99), 100) is None
    assert compress(os.urandom(10_000), 0) is None
    assert compress(b"a" * (MAX_RECORD_BYTES + 1), 0) is None
    assert compress(b"a" * MIN_BYTES, 0) is not None


def test_hashes_in_front_are_found_in_what_is_compressed() -> None:
    hashes = os.urandom(5_000)
    compressed = compress(hashes + b"a" * MIN_BYTES, len(hashes))
    assert compressed is not None
    assert hashes in compressed


@pytest.mark.parametrize("missing", range(1, 40))
def test_damaged_bytes_are_refused(missing: int) -> None:
    compressed = compress(b"12345" + b"a" * MIN_BYTES, 5)
    assert compressed is not None
    with pytest.raises(ValueError, match="a compressed entry is damaged"):
        decompress(compressed[:-missing])


@pytest.mark.parametrize(
    "frame",
    [
        zstandard.ZstdCompressor().compress(b"a" * (MAX_RECORD_BYTES + 1)),
        zstandard.ZstdCompressor(write_content_size=False).compress(b"a" * 2_000),
    ],
)
def test_more_than_a_record_holds_is_refused_before_it_is_decompressed(frame: bytes) -> None:
    with pytest.raises(ValueError, match="does not say that a record would hold it"):
        decompress(b"\0\0\0\0" + frame)
