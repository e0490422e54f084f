"""Unpacks what a producer compressed, up to a bound: a megabyte of Kafka's may hold a gigabyte of zeros.

librdkafka bounds zstd alone, and any other codec by nothing but its ratio (gzip 1,032 to 1, lz4 255 to 1). Leaves what
lies in the bytes to `streams.transport.batches`.
"""

import zlib
from collections.abc import Callable

import cramjam
import lz4.frame
import zstandard

from schemas.codec import DecodeError

UNPACKED_LIMIT_BYTES = 32 * 1024 * 1024
"""Of one record batch. A full batch of `events`, 1 MB, may be packed 32 to 1; events in JSON reach 5 to 15 to 1."""

NAMES = ("none", "gzip", "snappy", "lz4", "zstd")
"""Kafka's codecs, by number."""

_GZIP = 16 + zlib.MAX_WBITS
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_DAMAGED = (zlib.error, zstandard.ZstdError, cramjam.DecompressionError, RuntimeError, EOFError)  # RuntimeError: lz4


def name_of(codec: int) -> str:
    """Return the codec's name, or its number where it has none."""
    return NAMES[codec] if codec < len(NAMES) else str(codec)


def unpack(codec: int, packed: bytes) -> bytes:
    """Unpack with the codec of Kafka's number. Raises DecodeError: `too_large`, or `invalid` for damaged bytes."""
    unpacker = _UNPACKERS.get(codec)
    if unpacker is None:
        raise DecodeError("invalid", "Kafka has no such codec")
    try:
        return unpacker(packed)
    except _DAMAGED as error:
        raise DecodeError("invalid", f"damaged: {error}") from None


def _plain(packed: bytes) -> bytes:
    _check(len(packed))
    return packed


def _gzip(packed: bytes) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    unpacked = stream.decompress(packed, UNPACKED_LIMIT_BYTES + 1)
    _check(len(unpacked))
    return _whole(unpacked, stream.eof, stream.unused_data)


def _lz4(packed: bytes) -> bytes:
    stream, unread = lz4.frame.LZ4FrameDecompressor(), [packed]

    def read(size: int) -> bytes:
        return b"" if stream.eof else stream.decompress(unread.pop() if unread else b"", size)

    return _whole(_read_all(read, len(packed)), stream.eof, stream.unused_data)


def _zstd(packed: bytes) -> bytes:
    stated = zstandard.get_frame_parameters(packed).content_size
    unpacker = zstandard.ZstdDecompressor(max_window_size=UNPACKED_LIMIT_BYTES)
    if stated == zstandard.CONTENTSIZE_UNKNOWN:
        return _read_all(unpacker.stream_reader(packed).read, len(packed))
    _check(stated)
    return unpacker.decompress(packed, allow_extra_data=False)


def _snappy(packed: bytes) -> bytes:
    """Unpack blocks, as the Java client writes them, or one block, as most others do. A block says its size first."""
    blocks = _blocks(packed) if packed.startswith(_XERIAL) else [packed]
    _check(sum(cramjam.snappy.decompress_raw_len(block) for block in blocks))
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _blocks(packed: bytes) -> list[bytes]:
    blocks, start = [], _XERIAL_HEADER_BYTES
    while start < len(packed):
        size = int.from_bytes(packed[start : start + 4], "big")
        blocks.append(packed[start + 4 : start + 4 + size])
        start += 4 + size
    return blocks


_UNPACKERS: dict[int, Callable[[bytes], bytes]] = dict(enumerate((_plain, _gzip, _snappy, _lz4, _zstd)))


def _read_all(read: Callable[[int], bytes], packed_bytes: int) -> bytes:
    """Read to the end in steps that grow: a decompressor takes memory for as much as is requested."""
    pieces: list[bytes] = []
    size, step = 0, 4 * packed_bytes + 1024
    while True:
        requested = min(step, UNPACKED_LIMIT_BYTES + 1 - size)
        pieces.append(read(requested))
        size += len(pieces[-1])
        _check(size)
        if len(pieces[-1]) < requested:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        step = size


def _whole(unpacked: bytes, is_at_end: bool, rest: bytes | None) -> bytes:
    if not is_at_end:
        raise DecodeError("truncated", "the compressed bytes end early")
    if rest:
        raise DecodeError("invalid", "bytes are left over after the end of what is compressed")
    return unpacked


def _check(size: int) -> None:
    if size > UNPACKED_LIMIT_BYTES:
        raise DecodeError("too_large", f"unpacks to more than {UNPACKED_LIMIT_BYTES} bytes")
