"""Unpacking up to a bound: whatever the codec, all of an honest batch and little of a dishonest one."""

import contextlib
import struct
import tracemalloc

import cramjam
import pytest
from aiokafka.codec import snappy_encode
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import DecodeError
from streams.transport.unpacking import UNPACKED_LIMIT_BYTES, unpack
from tests.streams.transport.bombs import GZIP, LZ4, MB, SNAPPY, ZSTD, pack, zeros

CODECS = (0, GZIP, SNAPPY, LZ4, ZSTD)


@given(content=st.binary(max_size=2_000), repeats=st.integers(1, 200), codec=st.sampled_from(CODECS))
def test_what_was_packed_is_unpacked(content: bytes, repeats: int, codec: int) -> None:
    assert unpack(codec, pack(codec, [content] * repeats)) == content * repeats


@given(content=st.binary(max_size=2_000), repeats=st.integers(1, 200))
def test_a_size_that_is_not_stated_and_blocks_of_snappy_are_no_hindrance(content: bytes, repeats: int) -> None:
    whole = content * repeats
    assert unpack(ZSTD, pack(ZSTD, [whole], states_size=False)) == whole
    assert unpack(SNAPPY, snappy_encode(whole, xerial_blocksize=100)) == whole


@given(packed=st.binary(max_size=200), codec=st.integers(0, 7))
def test_bytes_that_nobody_packed_are_an_error_of_the_bytes(packed: bytes, codec: int) -> None:
    with contextlib.suppress(DecodeError):
        unpack(codec, packed)


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_up_to_the_limit_is_unpacked_and_one_byte_more_is_not(codec: int) -> None:
    full = bytes(UNPACKED_LIMIT_BYTES)
    assert unpack(codec, pack(codec, [full])) == full
    assert unpack(codec, pack(codec, [full], states_size=False)) == full
    for states_size in (True, False):
        with pytest.raises(DecodeError, match="too_large"):
            unpack(codec, pack(codec, [full, b"\x00"], states_size))


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_bomb_takes_no_more_memory_than_twice_the_limit(codec: int) -> None:
    packed = pack(codec, zeros(250 * MB), states_size=False)
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match="too_large"):
            unpack(codec, packed)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * UNPACKED_LIMIT_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_compressed_bytes_that_end_early_or_go_on_after_the_end_are_refused(codec: int) -> None:
    packed = pack(codec, [bytes(range(256)) * 100])
    for damaged in (packed[:-20], packed[:6], b"", packed + b"more", packed + packed):
        with pytest.raises(DecodeError):
            unpack(codec, damaged)


def test_a_size_that_snappy_states_and_does_not_hold_takes_no_memory() -> None:
    four_gigabytes = b"\xff\xff\xff\xff\x0f"
    for packed in (
        four_gigabytes,
        _blocks(four_gigabytes),
        _blocks(*[bytes(cramjam.snappy.compress_raw(bytes(MB)))] * 40),
    ):
        with pytest.raises(DecodeError, match="too_large"):
            unpack(SNAPPY, packed)


def test_a_block_of_snappy_that_is_longer_than_the_batch_is_refused() -> None:
    with pytest.raises(DecodeError, match="invalid"):
        unpack(SNAPPY, _blocks(b"\x05")[:-1] + struct.pack(">i", -1))


def _blocks(*blocks: bytes) -> bytes:
    head = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    return head + b"".join(struct.pack(">i", len(block)) + block for block in blocks)
