"""Bodies as SDKs pack them, and those that would fill the memory or never end."""

import asyncio
import gzip
import random
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from runtime.http.bodies import MAX_BODY_BYTES, MAX_UNKNOWN_BODY_BYTES, Allowance, Bodies, BodyRefused, Gunzip, Pace

PACKED = gzip.compress(b'{"batch": []}', mtime=0)
DEADLINE_S = 30.0


def unpack(chunks: Iterable[bytes], content_encoding: str) -> bytes:
    gunzip = Gunzip(content_encoding)
    unpacked = b"".join(piece for chunk in chunks for piece in gunzip.feed(chunk))
    return unpacked + gunzip.end()


@pytest.mark.parametrize(
    ("sent", "encoding"),
    [(PACKED, "gzip"), (PACKED, "GZIP"), (PACKED, ""), (b'{"batch": []}', ""), (b'{"batch": []}', "identity")],
)
def test_bodies_are_unpacked_by_what_they_are(sent: bytes, encoding: str) -> None:
    assert unpack([sent], encoding) == b'{"batch": []}'


@pytest.mark.parametrize(
    "body", [b'{"batch": []}', b"[1]", b'\xef\xbb\xbf{"batch": []}', b' \r\n\t {"batch": []}', b"{", b""]
)
@pytest.mark.parametrize("cut", [1, 1_000])
def test_what_begins_like_json_is_plain_although_it_is_declared_as_gzip(body: bytes, cut: int) -> None:
    assert unpack([body[at : at + cut] for at in range(0, len(body), cut)], "gzip") == body


@given(st.integers(0, 400_000), st.integers(1, 100_000), st.booleans(), st.booleans())
def test_unpacking_does_not_depend_on_how_a_body_is_cut(size: int, cut: int, is_packed: bool, is_random: bool) -> None:
    body = random.Random(size).randbytes(size) if is_random else b"1" * size
    sent = gzip.compress(body) if is_packed else b"{" + body
    chunks = [sent[at : at + cut] for at in range(0, len(sent), cut)]
    assert unpack(chunks, "") == (body if is_packed else sent)


@pytest.mark.parametrize(
    ("sent", "encoding", "status"),
    [
        (b"batch", "gzip", 400),
        (b"\x1f", "gzip", 400),
        (PACKED[1:], "gzip", 400),
        (PACKED[:-3], "gzip", 400),
        (PACKED + b"more", "gzip", 400),
        (PACKED + PACKED, "gzip", 400),
        (PACKED[:12] + b"\xff\xff\xff" + PACKED[15:], "gzip", 400),
        (b"{}", "br", 415),
    ],
)
@pytest.mark.parametrize("cut", [1, 1_000])
def test_what_cannot_be_unpacked_is_refused(sent: bytes, encoding: str, status: int, cut: int) -> None:
    with pytest.raises(BodyRefused) as caught:
        unpack([sent[at : at + cut] for at in range(0, len(sent), cut)], encoding)
    assert caught.value.status == status


def test_a_bomb_is_unpacked_in_small_pieces() -> None:
    pieces = Gunzip("gzip").feed(gzip.compress(b" " * 50_000_000))
    assert max(len(piece) for piece in pieces) <= 64 * 1024


async def sent_at_once(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def request(chunks: list[bytes] | AsyncIterator[bytes], client: str = "192.0.2.1", **headers: str) -> Request:
    messages = sent_at_once(chunks) if isinstance(chunks, list) else chunks

    async def receive() -> Message:
        chunk = await anext(messages, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": listed, "client": (client, 1)}
    return Request(scope, receive)


async def read(bodies: Bodies, one: Request, *, is_known: bool = True) -> bytes:
    async with bodies.read(one, is_known=is_known) as body:
        return body


async def refusal(bodies: Bodies, one: Request, *, is_known: bool = True) -> BodyRefused:
    with pytest.raises(BodyRefused) as caught:
        await read(bodies, one, is_known=is_known)
    return caught.value


@pytest.mark.anyio
@pytest.mark.parametrize(("is_known", "limit"), [(True, MAX_BODY_BYTES), (False, MAX_UNKNOWN_BODY_BYTES)])
async def test_a_body_is_not_read_beyond_its_limit(is_known: bool, limit: int) -> None:
    bodies = Bodies()
    fitting, bomb = [b" " * limit], [gzip.compress(b" " * (limit + 1))]
    assert len(await read(bodies, request(fitting), is_known=is_known)) == limit
    assert len(await read(bodies, request([gzip.compress(fitting[0])]), is_known=is_known)) == limit
    for too_large in (request([*fitting, b" "]), request(bomb), request([], content_length=str(limit + 1))):
        refused = await refusal(bodies, too_large, is_known=is_known)
        assert (refused.status, "Authorization" in refused.message) == (413, not is_known)


@pytest.mark.anyio
async def test_gzip_of_nothing_is_not_read_without_end() -> None:
    header, empty_block = b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\0\0\0\xff\xff"
    chunks = [header, *[empty_block * 10_000] * (MAX_BODY_BYTES // 50_000 + 1)]
    assert (await refusal(Bodies(), request(chunks))).status == 413


@pytest.mark.anyio
async def test_bodies_under_way_are_bounded_together_and_for_each_client() -> None:
    bodies = Bodies(known=Allowance(100, 100))
    async with bodies.read(request([b"x" * 40]), is_known=True):
        assert (await refusal(bodies, request([b"x" * 40]))).status == 503
        async with bodies.read(request([b"x" * 40], "192.0.2.2"), is_known=True):
            assert (await refusal(bodies, request([b"x" * 40], "192.0.2.3"))).status == 503
    assert await read(bodies, request([b"x" * 40])) == b"x" * 40


@pytest.mark.anyio
async def test_the_addresses_of_one_ipv6_network_are_one_client() -> None:
    bodies = Bodies(known=Allowance(100, 100))
    async with bodies.read(request([b"x" * 40], "2001:db8::1"), is_known=True):
        assert (await refusal(bodies, request([b"x" * 40], "2001:db8::2"))).status == 503
        assert len(await read(bodies, request([b"x" * 40], "2001:db8:0:1::1"))) == 40


@pytest.mark.anyio
async def test_what_unpacks_to_much_counts_while_it_is_unpacked() -> None:
    bodies = Bodies(known=Allowance(1_000_000, 1_000_000))
    assert (await refusal(bodies, request([gzip.compress(b" " * 600_000)]))).status == 503


@pytest.mark.anyio
async def test_those_without_a_known_key_never_take_the_room_of_those_with_one() -> None:
    bodies = Bodies(unknown=Allowance(100, 100))
    async with bodies.read(request([b"x" * 50])), bodies.read(request([b"x" * 50], "192.0.2.2")):
        assert (await refusal(bodies, request([b"xx"], "192.0.2.3"), is_known=False)).status == 503
        assert len(await read(bodies, request([b"x" * 5_000_000]))) == 5_000_000


@pytest.mark.anyio
async def test_an_announcement_takes_no_room() -> None:
    """41 senders that announced 5 MB and sent one byte once kept everybody else out."""
    bodies = Bodies()
    senders = 41
    started = asyncio.Barrier(senders + 1)

    async def one_byte() -> AsyncIterator[bytes]:
        yield b"{"
        await started.wait()
        await asyncio.Event().wait()

    waiting = [
        asyncio.create_task(read(bodies, request(one_byte(), content_length=str(MAX_BODY_BYTES))))
        for _ in range(senders)
    ]
    async with asyncio.timeout(DEADLINE_S):
        await started.wait()
        assert await read(bodies, request([b"{}"])) == b"{}"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def trickle(size: int) -> AsyncIterator[bytes]:
    for _ in range(size):
        await asyncio.sleep(0)
        yield b"x"


async def stall(start: bytes) -> AsyncIterator[bytes]:
    yield start
    await asyncio.Event().wait()


@pytest.mark.anyio
@pytest.mark.parametrize("start", [b"", b"x" * 99, b"x" * 100_000])
async def test_a_body_that_stops_coming_is_refused_long_before_its_whole_time(start: bytes) -> None:
    bodies = Bodies(pace=Pace(total_s=1_000, stretch_s=0.1, stretch_bytes=100))
    async with asyncio.timeout(DEADLINE_S):
        assert (await refusal(bodies, request(stall(start)))).status == 408


@pytest.mark.anyio
async def test_a_body_that_never_ends_is_refused_though_it_keeps_its_pace() -> None:
    bodies = Bodies(pace=Pace(total_s=0.2, stretch_s=0.1, stretch_bytes=1))
    async with asyncio.timeout(DEADLINE_S):
        assert (await refusal(bodies, request(trickle(1_000_000)))).status == 408


@pytest.mark.anyio
async def test_a_slow_body_that_keeps_its_pace_is_read() -> None:
    bodies = Bodies(pace=Pace(total_s=DEADLINE_S, stretch_s=DEADLINE_S, stretch_bytes=10))
    assert len(await read(bodies, request(trickle(500)))) == 500
