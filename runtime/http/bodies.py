"""A request's body, in bounded time and memory: read, and unpacked piece by piece where it is gzip.

What counts is what has arrived, and not what a request announces. Requests whose key is not known yet have a small
allowance of their own, so that they never take the room of those with a key.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from starlette.requests import Request

from runtime.http.callers import caller_of
from runtime.http.quota import Quota

MAX_BODY_BYTES = 5 * 1024 * 1024
# SDKs that have the key in the body alone send at most 500 KB (the Java SDK) or 64 KB (browsers, by sendBeacon).
MAX_UNKNOWN_BODY_BYTES = 512 * 1024

_PIECE_BYTES = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_JSON_BEGINS_WITH = (b"", b"{", b"[", b"\xef")  # after blanks; the last is the first of a byte order mark


class BodyRefused(Exception):
    """A request that is not even parsed. `status` is the HTTP answer; 503 invites to come again."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Allowance(NamedTuple):
    """What requests of one kind may have: `body_bytes` each, `total_bytes` all together, a client half of that."""

    body_bytes: int
    total_bytes: int


class Pace(NamedTuple):
    """How fast a body must come: all of it within `total_s`, and until then `stretch_bytes` in each `stretch_s`.

    1 KiB a second is a quarter of what a phone has on GPRS; ten seconds bridge a change of cells or of networks.
    """

    total_s: float = 30.0
    stretch_s: float = 10.0
    stretch_bytes: int = 10 * 1024


KNOWN = Allowance(MAX_BODY_BYTES, 20 * MAX_BODY_BYTES)
UNKNOWN = Allowance(MAX_UNKNOWN_BODY_BYTES, 32 * MAX_UNKNOWN_BODY_BYTES)
PACE = Pace()


class Bodies:
    """Reads bodies, and refuses with 503 while those under way already fill the memory meant for them."""

    def __init__(self, known: Allowance = KNOWN, unknown: Allowance = UNKNOWN, pace: Pace = PACE) -> None:
        self._known = known
        self._unknown = unknown
        self._known_quota = Quota(known.total_bytes, known.total_bytes // 2)
        self._unknown_quota = Quota(unknown.total_bytes, unknown.total_bytes // 2)
        self._pace = pace

    @asynccontextmanager
    async def read(self, request: Request, *, is_known: bool = False) -> AsyncIterator[bytes]:
        """Yield the unpacked body, whose memory counts as taken until the block ends. Raises BodyRefused.

        `is_known`: the request has shown a valid key in its head; others get the smaller allowance.
        """
        quota = self._known_quota if is_known else self._unknown_quota
        client = caller_of(request).network
        taken = 0

        def take(amount: int) -> None:
            nonlocal taken
            if not quota.take(client, amount):
                raise BodyRefused(503, "overloaded", "too many requests are under way")
            taken += amount

        try:
            yield await self._receive(request, is_known, take)
        finally:
            quota.give_back(client, taken)

    async def _receive(self, request: Request, is_known: bool, take: Callable[[int], None]) -> bytes:
        limit = (self._known if is_known else self._unknown).body_bytes
        if _announced_bytes(request) > limit:
            raise self._too_large(is_known)
        gunzip = Gunzip(request.headers.get("content-encoding", ""))
        received, body = 0, bytearray()
        async with _paced(self._pace) as arrived:
            async for chunk in request.stream():
                arrived(len(chunk))
                received += len(chunk)
                if received > limit:
                    raise self._too_large(is_known)
                for piece in gunzip.feed(chunk):
                    take(len(piece))
                    body += piece
                    if len(body) > limit:
                        raise self._too_large(is_known)
                    if len(body) > _PIECE_BYTES:
                        await asyncio.sleep(0)  # what unpacks to much must not keep others waiting
        body += gunzip.end()
        return bytes(body)

    def _too_large(self, is_known: bool) -> BodyRefused:
        limit = (self._known if is_known else self._unknown).body_bytes
        message = f"the body has more than {limit} bytes"
        if not is_known:
            message += f"; with a key in the Authorization header, {self._known.body_bytes} are accepted"
        return BodyRefused(413, "body_too_large", message)


class Gunzip:
    """Unpacks gzip, which its first bytes tell: rudder-sdk-node declares it as a form. All else stays as it is.

    So does what begins like JSON where gzip is declared: some senders and proxies keep the header and not the packing.
    """

    def __init__(self, content_encoding: str) -> None:
        """Raises BodyRefused for an encoding other than gzip."""
        encoding = content_encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise BodyRefused(415, "unsupported_encoding", "Content-Encoding must be gzip or absent")
        self._is_declared = encoding in {"gzip", "x-gzip"}
        self._is_plain = False
        self._start = b""
        self._unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the next bytes unpack to, in pieces of bounded size. Raises BodyRefused."""
        if self._is_plain:
            yield chunk
            return
        if len(self._start) < len(_GZIP_MAGIC):
            self._start += chunk
            if len(self._start) < len(_GZIP_MAGIC):
                return
            chunk = self._start
            if not chunk.startswith(_GZIP_MAGIC):
                self._check_plain(chunk)
                yield chunk
                return
        for at in range(0, len(chunk), _PIECE_BYTES):
            yield from self._unpack(chunk[at : at + _PIECE_BYTES])

    def end(self) -> bytes:
        """Return what is left after the last chunk: at most one byte. Raises BodyRefused if something is missing."""
        if self._is_plain:
            return b""
        if len(self._start) < len(_GZIP_MAGIC):
            self._check_plain(self._start)
            return self._start
        if not self._unpacker.eof:
            raise _damaged()
        return b""

    def _check_plain(self, start: bytes) -> None:
        if self._is_declared and start.strip()[:1] not in _JSON_BEGINS_WITH:
            raise BodyRefused(400, "invalid_body", "the body is neither gzip, as Content-Encoding says, nor plain JSON")
        self._is_plain = True

    def _unpack(self, packed: bytes) -> Iterator[bytes]:
        if self._unpacker.eof:
            raise _damaged()
        is_more = True
        while is_more:
            try:
                piece = self._unpacker.decompress(packed, _PIECE_BYTES)
            except zlib.error:
                raise _damaged() from None
            if piece:
                yield piece
            packed = self._unpacker.unconsumed_tail
            is_more = len(piece) == _PIECE_BYTES or bool(packed)
        if self._unpacker.unused_data:
            raise _damaged()


def _damaged() -> BodyRefused:
    return BodyRefused(400, "invalid_body", "the gzip body is damaged, cut short, or followed by something else")


def _announced_bytes(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


@asynccontextmanager
async def _paced(pace: Pace) -> AsyncIterator[Callable[[int], None]]:
    """Raise BodyRefused (408) in a block whose bytes come too slowly; the block tells how many have arrived."""
    loop = asyncio.get_running_loop()
    end = loop.time() + pace.total_s
    missing = pace.stretch_bytes

    def arrived(amount: int) -> None:
        nonlocal missing
        missing -= amount
        if missing <= 0:
            missing = pace.stretch_bytes
            deadline.reschedule(min(end, loop.time() + pace.stretch_s))

    try:
        async with asyncio.timeout_at(min(end, loop.time() + pace.stretch_s)) as deadline:
            yield arrived
    except TimeoutError:
        within = f"within {pace.total_s:.0f} s, or {pace.stretch_bytes} bytes of it within {pace.stretch_s:.0f} s"
        raise BodyRefused(408, "timeout", f"the body was not sent {within}") from None
