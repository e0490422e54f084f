"""Bodies under HTTP content encodings."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from embedded.clickhouse.encodings import accepted, decode, encoder
from embedded.clickhouse.errors import Code, ServerError

_ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "": bytes,
}


@pytest.mark.parametrize("encoding", _ENCODE)
@given(parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=3), cut=st.integers(1, 5000))
def test_a_body_of_several_frames_decodes_to_its_bytes(encoding: str, parts: list[bytes], cut: int) -> None:
    body = b"".join(_ENCODE[encoding](part) for part in parts)
    pieces = [body[start : start + cut] for start in range(0, len(body), cut)]
    assert b"".join(decode(pieces, encoding)) == b"".join(parts)


@pytest.mark.parametrize("encoding", [name for name in _ENCODE if name])
@pytest.mark.parametrize("damage", [lambda body: body[:-1], lambda body: b"x" + body, lambda _: b"\x1f"])
def test_a_damaged_body_is_an_error(encoding: str, damage: Callable[[bytes], bytes]) -> None:
    body = damage(_ENCODE[encoding](bytes(range(256)) * 100))
    with pytest.raises(ServerError) as failure:
        list(decode([body], encoding))
    assert failure.value.code == Code.CANNOT_DECOMPRESS


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4", "deflate"])
@given(parts=st.lists(st.binary(max_size=3000), max_size=4))
def test_what_is_encoded_in_parts_decodes(encoding: str, parts: list[bytes]) -> None:
    made = encoder(encoding)
    body = b"".join([*map(made.compress, parts), made.flush()])
    assert b"".join(decode([body], encoding)) == b"".join(parts)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [("br, zstd, gzip", "zstd"), ("gzip;q=0, lz4", "lz4"), ("GZIP;q=0.5", "gzip"), ("identity", None), ("", None)],
)
def test_the_first_possible_encoding_is_chosen(header: str, encoding: str | None) -> None:
    assert accepted(header) == encoding


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(ServerError, match="compress"):
        decode([b""], "compress")
