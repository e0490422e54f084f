"""One receiver's HTTP client: where it may lead, how long it may take, how much of an answer is read."""

import os
import ssl
import zlib
from collections.abc import Iterable, Mapping
from math import inf
from typing import NamedTuple

import aiohttp
import msgspec
from yarl import URL

from definitions.receivers.http import why_no_url
from sinks.destinations.contract import MAX_EXCHANGE_CHARS, Exchange, Refused, Retry
from sinks.destinations.http.addresses import Guard
from sinks.destinations.http.public import ForbiddenAddress, refuse_private
from sinks.destinations.http.redaction import REMOVED, Redactor, shown_url

MAX_ANSWER_BYTES = 64 * 1024
"""What is longer is not read to its end: the status has said what matters."""
USER_AGENT = "Onefold"

_KEEP_ALIVE_S = 30.0
_LONGEST_MARGIN_S = 0.5
_SHOWN_BYTES = 4 * MAX_EXCHANGE_CHARS
_SHOWN_HEADERS = frozenset(
    {
        "content-type",
        "idempotency-key",
        "webhook-id",
        "webhook-timestamp",
        "retry-after",
        "location",
        "x-request-id",
    }
)


class Answer(NamedTuple):
    """What a receiver has answered; `headers` by name, whatever its case.

    `body`: unpacked; its beginning, if not `is_whole`: it was too long, or broke off.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    exchange: Exchange
    is_whole: bool = True

    def json(self) -> object:
        """Return the body as JSON; None if it is none, or not whole."""
        return json_of(self.body) if self.is_whole else None


def json_of(text: bytes) -> object:
    """Return what JSON says; None if it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class HttpSession:
    """A client for one destination; for one event loop, within which it must be made.

    `timeout_s`: the definition's; a request ends a little before it, so that what is known by then can be kept.
    `secrets`: texts that must not be kept of requests and answers. `allow_private`: it may lead into the house's own
    networks. `keeps_bodies`: what is kept of a request has its body. `tls`: how certificates are checked, the system's
    way by default.
    """

    def __init__(
        self,
        timeout_s: float,
        secrets: Iterable[str] = (),
        *,
        allow_private: bool = False,
        keeps_bodies: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._keeps_bodies = keeps_bodies
        self._redact = Redactor(secrets)
        connector = aiohttp.TCPConnector(
            limit=0,  # whoever sends bounds the requests: one that waited for a connection would run into its time-out
            resolver=Guard(allow_private=allow_private),
            keepalive_timeout=_KEEP_ALIVE_S,
            ssl=tls or True,
        )
        self._client = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout_s - min(timeout_s / 10, _LONGEST_MARGIN_S), ceil_threshold=inf),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=MAX_ANSWER_BYTES,
            max_field_size=MAX_ANSWER_BYTES,  # by default 8 kB, of which some receivers' policies and cookies are more
        )

    async def request(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        limit: int = MAX_ANSWER_BYTES,
    ) -> Answer | Retry | Refused:
        """Send a request; return what was answered, or what has kept it from being answered.

        `limit`: bytes of an answer that are read. Once there is a status it counts, also if the rest of the answer
        breaks off or does not come in time.
        """
        kept = Exchange(self._redact(_shown_request(method, url, body if self._keeps_bodies else b"", headers)))
        if (reason := why_no_url(url)) is not None:
            return Refused("unmappable", f"the address of the receiver: {reason}", kept)
        try:
            target = URL(url, encoded=True)
            if not self._allow_private:
                refuse_private(target.host or "", target.host or "")
            async with self._client.request(
                method, target, data=body, headers=headers, allow_redirects=False
            ) as response:
                packed, is_whole = await _beginning(response, limit)
                return self._answer(response, packed, is_whole, limit, kept)
        except (ForbiddenAddress, aiohttp.ClientError, OSError, ValueError) as error:
            return self._without_answer(error, kept)

    def _without_answer(self, error: Exception, shown: Exchange) -> Retry | Refused:
        if isinstance(error, ForbiddenAddress):
            return Refused("forbidden_address", self._redact(str(error)), shown)
        if isinstance(error, TimeoutError):
            return Retry("timeout", "did not answer in time: it may have taken it", exchange=shown)
        # A bad certificate is a ValueError as well, an address that is none a ClientError.
        is_network = isinstance(error, aiohttp.ClientError | OSError) and not isinstance(error, aiohttp.InvalidURL)
        if is_network:
            return Retry("network", self._redact(_in_words(error)), exchange=shown)
        return Refused("unmappable", f"cannot be sent as HTTP: {type(error).__name__}", shown)

    def _answer(
        self, response: aiohttp.ClientResponse, packed: bytes, is_whole: bool, max_bytes: int, shown: Exchange
    ) -> Answer:
        body, is_unpacked = _unpacked(packed, response.headers.get("Content-Encoding", ""), max_bytes)
        exchange = Exchange(shown.request, self._redact(body.decode(errors="replace")), response.status)
        return Answer(response.status, response.headers, body, exchange, is_whole and is_unpacked)

    def kept(self, head: str, body: bytes) -> str:
        """Return what is kept of a request, of whose `head` that is known, with a body: without secrets, and cut."""
        return self._redact(head + body[:_SHOWN_BYTES].decode(errors="replace"))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _in_words(error: Exception) -> str:
    """Say why there was no answer: the system's reason first, where there was no connection, as texts are cut."""
    if type(error) is aiohttp.ClientConnectorError and (number := error.os_error.errno or 0) > 0:
        return f"{os.strerror(number)}: no connection to {error.host}:{error.port}"
    return f"{type(error).__name__}: {error}"


async def _beginning(response: aiohttp.ClientResponse, max_bytes: int) -> tuple[bytes, bool]:
    """Return the beginning of an answer, and whether that is all of it."""
    read = bytearray()
    is_whole = False
    try:
        while len(read) <= max_bytes:
            more = await response.content.read(max_bytes + 1 - len(read))
            if not more:
                is_whole = True
                break
            read += more
    except (aiohttp.ClientError, OSError):  # a time-out is an OSError
        is_whole = False
    if not is_whole:
        response.close()  # else the client would read the rest, to use the connection again
    return bytes(read[:max_bytes]), is_whole


def _unpacked(body: bytes, encoding: str, max_bytes: int) -> tuple[bytes, bool]:
    """Return what was packed, as far as it can be unpacked and is not too long, and whether that is all of it."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return body, True
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        return b"", False
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        return unpacking.decompress(body, max_bytes), unpacking.eof
    except zlib.error:
        return b"", False


def _shown_request(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> str:
    lines = [
        f"{name}: {value if name.lower() in _SHOWN_HEADERS else REMOVED}" for name, value in sorted(headers.items())
    ]
    beginning = body[:_SHOWN_BYTES].decode(errors="replace")
    return "\n".join([f"{method} {shown_url(url)}", *lines, "", beginning])
