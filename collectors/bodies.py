"""A request's body, in bounded time and memory: read, and unpacked where it is gzip."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_IN_FLIGHT_BYTES = 40 * MAX_BODY_BYTES
READ_TIMEOUT_S = 30.0

_GZIP_MAGIC = b"\x1f\x8b"


class BodyRefused(Exception):
    """A body that is not even read to its end. `status` is the HTTP answer; 503 invites to come again."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Bodies:
    """Reads bodies, and refuses with 503 while those under way already fill the memory meant for them."""

    def __init__(self, max_in_flight_bytes: int = MAX_IN_FLIGHT_BYTES) -> None:
        self._max_in_flight_bytes = max_in_flight_bytes
        self._in_flight_bytes = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The unpacked body, whose memory counts as taken until the block ends. Raises BodyRefused."""
        reserved = _announced_bytes(request)
        if self._in_flight_bytes + reserved > self._max_in_flight_bytes:
            raise BodyRefused(503, "overloaded", "too many requests are under way")
        self._in_flight_bytes += reserved
        try:
            body = unpack(await _read_in_time(request), request.headers.get("content-encoding", ""))
            unpacked = max(0, len(body) - reserved)
            self._in_flight_bytes += unpacked
            reserved += unpacked
            yield body
        finally:
            self._in_flight_bytes -= reserved


def unpack(sent: bytes, content_encoding: str) -> bytes:
    """Unpack gzip, which its first bytes tell: rudder-sdk-node declares it as a form. Raises BodyRefused."""
    encoding = content_encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise BodyRefused(415, "unsupported_encoding", "Content-Encoding must be gzip or absent")
    if not sent.startswith(_GZIP_MAGIC):
        if encoding in {"gzip", "x-gzip"}:
            raise BodyRefused(400, "invalid_body", "the body is not gzip, as Content-Encoding says")
        return sent
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(sent, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise BodyRefused(400, "invalid_body", "the gzip body is damaged") from None
    if len(unpacked) > MAX_BODY_BYTES:
        raise _too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise BodyRefused(400, "invalid_body", "the gzip body is cut short or followed by something else")
    return unpacked


def _announced_bytes(request: Request) -> int:
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdecimal() else MAX_BODY_BYTES
    if announced > MAX_BODY_BYTES:
        raise _too_large()
    return announced


async def _read_in_time(request: Request) -> bytes:
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await _read(request)
    except TimeoutError:
        raise BodyRefused(408, "timeout", f"the body was not sent within {READ_TIMEOUT_S:.0f} s") from None


async def _read(request: Request) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(received)


def _too_large() -> BodyRefused:
    return BodyRefused(413, "body_too_large", f"the body has more than {MAX_BODY_BYTES} bytes")
