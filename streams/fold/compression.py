"""Compresses the bytes of long entries; what they mean, and where hashes lie in them, is `entry`'s to say.

Names of definitions, times and message ids repeat within a state: a third is left of one that many definitions have
left something in (docs/decisions/0039).
"""

import struct
import threading

import zstandard

from runtime.kafka.clients import MAX_RECORD_BYTES

MIN_BYTES = 1_800
"""What is shorter stays as it is: some ten microseconds would save some hundred bytes."""

_HASHES = struct.Struct(">I")


class _Zstd(threading.local):
    """Of each thread its own: neither may be used by two at once."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor().compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()


def compress(encoded: bytes, hashes: int) -> bytes | None:
    """Return the same in fewer bytes; None where that is not worth it.

    The first `hashes` bytes, which repeat nothing, are left as they are. What no record would hold is not compressed,
    so that there is a bound for decompressing.
    """
    if len(encoded) - hashes < MIN_BYTES or len(encoded) > MAX_RECORD_BYTES:
        return None
    compressed = _HASHES.pack(hashes) + encoded[:hashes] + _zstd.compress(memoryview(encoded)[hashes:])
    return compressed if len(compressed) < len(encoded) else None


def decompress(compressed: bytes | memoryview) -> bytes:
    """Undo `compress`. Raises ValueError for bytes that it did not write."""
    try:
        begin = _HASHES.size + _HASHES.unpack_from(compressed)[0]
        frame = compressed[begin:]
        if not 0 <= zstandard.frame_content_size(frame) <= MAX_RECORD_BYTES:
            raise ValueError("a compressed entry does not say that a record would hold it")
        return bytes(compressed[_HASHES.size : begin]) + _zstd.decompress(frame)
    except (struct.error, zstandard.ZstdError) as error:
        raise ValueError(f"a compressed entry is damaged: {error}") from error
