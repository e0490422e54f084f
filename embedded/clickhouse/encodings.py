"""HTTP content encodings of request and response bodies, piece by piece, in bounded memory; files are not meant."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import lz4.frame
import zstandard

from embedded.clickhouse.errors import Code, error


class Decoder(Protocol):
    """What the decompressors of the standard library, lz4 and zstandard have in common."""

    @property
    def eof(self) -> bool:
        """Whether the frame has ended."""

    @property
    def unused_data(self) -> bytes:
        """Input behind the end of the frame."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return the output for the next input."""


class Encoder(Protocol):
    """A compressor with one frame open."""

    def compress(self, data: bytes, /) -> bytes:
        """Return the output so far for the next input; may be empty."""

    def flush(self) -> bytes:
        """Return the rest of the frame."""


class _Lz4Encoder:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._head: bytes = self._frame.begin()

    def compress(self, data: bytes, /) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.flush())


_DECODERS: Final[Mapping[str, Callable[[], Decoder]]] = MappingProxyType(
    {
        "gzip": lambda: zlib.decompressobj(31),
        "deflate": lambda: zlib.decompressobj(15),
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
        "lz4": lz4.frame.LZ4FrameDecompressor,
        "xz": lzma.LZMADecompressor,
        "bz2": bz2.BZ2Decompressor,
    }
)
_ENCODERS: Final[Mapping[str, Callable[[], Encoder]]] = MappingProxyType(
    {
        "gzip": lambda: zlib.compressobj(3, wbits=31),
        "deflate": lambda: zlib.compressobj(3),
        "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
        "lz4": _Lz4Encoder,
    }
)
_FAULTS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, RuntimeError, EOFError, ValueError)

_SLICE_BYTES = 4096
"""Input given to a decoder at once: the worst bomb (zstd, 1:32,000) then makes 128 MiB at a time and not all memory."""


def decode(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Return the plain bytes of a body under a Content-Encoding ("" for none). Raises ServerError for damage."""
    if encoding in ("", "identity"):
        return iter(pieces)
    if encoding not in _DECODERS:
        supported = ", ".join(_DECODERS)
        raise error(Code.NOT_IMPLEMENTED, f"Unknown compression method '{encoding}'. Only {supported} are supported.")
    return _decode(pieces, encoding)


def _decode(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder: Decoder | None = None
    for piece in pieces:
        for start in range(0, len(piece), _SLICE_BYTES):
            rest = piece[start : start + _SLICE_BYTES]
            while rest:
                decoder = decoder or _DECODERS[encoding]()
                try:
                    plain = decoder.decompress(rest)
                except _FAULTS as fault:
                    raise error(Code.CANNOT_DECOMPRESS, f"The request body is not valid {encoding}: {fault}") from fault
                if plain:
                    yield plain
                rest = decoder.unused_data if decoder.eof else b""
                decoder = None if decoder.eof else decoder
    if decoder is not None:
        raise error(Code.CANNOT_DECOMPRESS, f"The request body ends in the middle of its {encoding} data.")


def accepted(accept_encoding: str) -> str | None:
    """Return the first encoding of an Accept-Encoding header that can be made here."""
    for offer in accept_encoding.split(","):
        name, _, weight = offer.partition(";")
        if name.strip().lower() in _ENCODERS and weight.replace(" ", "") not in ("q=0", "q=0.0"):
            return name.strip().lower()
    return None


def encoder(encoding: str) -> Encoder:
    """Return a new compressor for an encoding that `accepted` named."""
    return _ENCODERS[encoding]()
