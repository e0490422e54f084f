"""Bodies as SDKs pack them, and those that would fill the memory."""

import gzip

import pytest
from starlette.requests import Request
from starlette.types import Message

from collectors.bodies import MAX_BODY_BYTES, Bodies, BodyRefused, unpack

PACKED = gzip.compress(b'{"batch": []}')


@pytest.mark.parametrize(
    ("sent", "encoding"),
    [(PACKED, "gzip"), (PACKED, "GZIP"), (PACKED, ""), (b'{"batch": []}', ""), (b'{"batch": []}', "identity")],
)
def test_bodies_are_unpacked_by_what_they_are(sent: bytes, encoding: str) -> None:
    assert unpack(sent, encoding) == b'{"batch": []}'


@pytest.mark.parametrize(
    ("sent", "encoding", "status"),
    [
        (b"{}", "gzip", 400),
        (PACKED[:-3], "gzip", 400),
        (PACKED + b"more", "gzip", 400),
        (PACKED[:12] + b"\xff\xff\xff" + PACKED[15:], "gzip", 400),
        (gzip.compress(b" " * (MAX_BODY_BYTES + 1)), "gzip", 413),
        (b"{}", "br", 415),
    ],
)
def test_what_cannot_be_unpacked_is_refused(sent: bytes, encoding: str, status: int) -> None:
    with pytest.raises(BodyRefused) as caught:
        unpack(sent, encoding)
    assert caught.value.status == status


def request(chunks: list[bytes], **headers: str) -> Request:
    messages = iter(chunks)

    async def receive() -> Message:
        chunk = next(messages, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": listed}, receive)


async def read(bodies: Bodies, one: Request) -> bytes:
    async with bodies.read(one) as body:
        return body


@pytest.mark.anyio
@pytest.mark.parametrize(
    "too_large", [request([b" " * MAX_BODY_BYTES, b" "]), request([], content_length=str(MAX_BODY_BYTES + 1))]
)
async def test_a_body_is_not_read_beyond_its_limit(too_large: Request) -> None:
    with pytest.raises(BodyRefused) as caught:
        await read(Bodies(), too_large)
    assert caught.value.status == 413


@pytest.mark.anyio
async def test_bodies_under_way_are_bounded_together() -> None:
    bodies = Bodies(max_in_flight_bytes=100)
    async with bodies.read(request([b"x" * 60], content_length="60")):
        with pytest.raises(BodyRefused) as caught:
            await read(bodies, request([b"x" * 60], content_length="60"))
        assert caught.value.status == 503
    assert await read(bodies, request([b"x" * 60], content_length="60")) == b"x" * 60
