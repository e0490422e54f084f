"""One receiver's HTTP client: where it may lead, how long it may take, how much of an answer is read."""

import asyncio
import ssl
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from sinks.destinations.contract import Exchange, Refused, Retry
from sinks.destinations.http.addresses import ForbiddenAddress, Guard, refuse_private
from sinks.destinations.http.redaction import REMOVED, Redactor

MAX_ANSWER_BYTES = 64 * 1024
"""What is longer is not read to its end: the status has said what matters."""
USER_AGENT = "Onefold"

_KEEP_ALIVE_S = 30.0
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
    """What a receiver has answered; `headers` by name, whatever its case. `body`: its beginning, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    exchange: Exchange

    def json(self) -> object:
        """Return the body as JSON; None if it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


class HttpSession:
    """A client for one destination; for one event loop, within which it must be made.

    `secrets`: texts that must not be kept of requests and answers. `allow_private`: it may lead into the house's own
    networks. `tls`: how certificates are checked, the system's way by default.
    """

    def __init__(
        self,
        timeout_s: float,
        secrets: Iterable[str] = (),
        *,
        allow_private: bool = False,
        connections: int = 64,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._redact = Redactor(secrets)
        resolver = None if allow_private else Guard()
        connector = aiohttp.TCPConnector(
            limit=connections, resolver=resolver, keepalive_timeout=_KEEP_ALIVE_S, ssl=tls or True
        )
        self._client = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=MAX_ANSWER_BYTES,
        )

    async def request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], limit: int = MAX_ANSWER_BYTES
    ) -> Answer | Retry | Refused:
        """Send a request; return what was answered, or what has kept it from being answered.

        `limit`: bytes of an answer that are read.
        """
        shown = Exchange(self._redact(_shown_request(method, url, body, headers)))
        try:
            if not self._allow_private:
                refuse_private(urlsplit(url).hostname or "", urlsplit(url).hostname or "")
            async with self._client.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as response:
                packed = await _beginning(response, limit)
                answer = _unpacked(packed, response.headers.get("Content-Encoding", ""), limit)
                text = self._redact(answer.decode(errors="replace"))
                exchange = Exchange(shown.request, text, response.status)
                return Answer(response.status, response.headers, answer, exchange)
        except ForbiddenAddress as error:
            return Refused("forbidden_address", str(error), shown)
        except TimeoutError:
            return Retry("timeout", "did not answer in time: it may have taken it", exchange=shown)
        except (aiohttp.InvalidURL, UnicodeError, ValueError):
            return Refused("unmappable", "the address of the receiver is no URL", shown)
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return Retry("network", self._redact(f"{type(error).__name__}: {error}"), exchange=shown)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


async def _beginning(response: aiohttp.ClientResponse, limit: int) -> bytes:
    read = bytearray()
    while len(read) < limit and (more := await response.content.read(limit - len(read))):
        read += more
    if len(read) >= limit:
        response.close()  # else the client would read the rest, to use the connection again
    return bytes(read)


def _unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """Return at most `limit` bytes of what was packed, as far as it can be unpacked."""
    if encoding.strip().lower() not in {"gzip", "deflate"}:
        return body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, limit)
    except zlib.error:
        return b""


def _shown_request(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> str:
    lines = [
        f"{name}: {value if name.lower() in _SHOWN_HEADERS else REMOVED}" for name, value in sorted(headers.items())
    ]
    return "\n".join([f"{method} {url}", *lines, "", body.decode(errors="replace")])
