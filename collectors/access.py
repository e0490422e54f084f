"""Keys: who may send, from where, into which workspace and source; and whether a request presents a key at all."""

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import msgspec
from starlette.requests import Request

from collectors.events import Sender
from collectors.payload import JsonObject
from settings import Workspace

UNKNOWN_KEY = "no source has this write key: give it as user name of Basic authentication, or as writeKey in the body"
NOT_FROM_HERE = (
    "the key of a source that is local_only is taken from programs of this machine and from web pages that it serves "
    "itself (localhost, 127.0.0.1, [::1]); it is not taken from another machine or from a web page of another origin"
)
MAX_KEYS_IN_BODY = 2_501  # one for each call of the largest batch, and the batch's own

_LOOPBACK_PAGE = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.ASCII)
# Possessive: a string without an end is read once. What the parsed JSON says counts in the end.
_KEY_IN_BODY = re.compile(rb'"writeKey"[ \t\r\n]*+:[ \t\r\n]*+"((?:[^"\\]++|\\.)*+)"', re.DOTALL)


class Caller(NamedTuple):
    """Where a request comes from: the client's address, and the web page that made it, if the browser names one."""

    address: str = ""
    origins: tuple[str, ...] = ()
    fetch_site: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is a program on this machine or a page that this machine serves (Fetch standard: `Origin`)."""
        if not _is_loopback(self.address):
            return False
        if self.origins:
            return all(_LOOPBACK_PAGE.fullmatch(origin) for origin in self.origins)
        return self.fetch_site.lower() in {"", "none", "same-origin"}

    @property
    def network(self) -> str:
        """Who shares a bound: an IPv4 address, or the /64 that one IPv6 client has all for itself."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is not None:
            return self.address
        return str(ipaddress.IPv6Network((address.packed[:8] + bytes(8), 64)))


class UsableKeys(msgspec.Struct, frozen=True):
    """The write keys that count in one request; those `withheld` exist, but not for its caller.

    They are found by hash, so the time that it takes tells nothing of how much of a key was right.
    """

    senders: Mapping[str, Sender]
    withheld: frozenset[str] = frozenset()

    def sender(self, write_key: str | None) -> Sender | None:
        """Who holds a key; None for an unknown or missing one."""
        return self.senders.get(write_key) if write_key else None

    def why_refused(self, write_key: str | None) -> str:
        """What to say about a key that has no sender."""
        return NOT_FROM_HERE if write_key in self.withheld else UNKNOWN_KEY

    def presented_in(self, body: bytes) -> str | None:
        """A key that JSON text seems to carry, found without parsing it: one that counts, else any, else None."""
        presented = None
        for key in islice(_keys_in(body), MAX_KEYS_IN_BODY):
            if key in self.senders:
                return key
            if presented is None or key in self.withheld:
                presented = key
        return presented


class WriteKeys:
    """The write keys of all workspaces, and which of them count where."""

    def __init__(self, workspaces: Mapping[str, Workspace]) -> None:
        senders, elsewhere = dict[str, Sender](), dict[str, Sender]()
        for workspace in workspaces.values():
            for source in workspace.sources:
                senders[source.write_key] = Sender(workspace.name, source.name)
                if not source.local_only:
                    elsewhere[source.write_key] = senders[source.write_key]
        self._here = UsableKeys(senders)
        self._elsewhere = UsableKeys(elsewhere, frozenset(senders.keys() - elsewhere.keys()))

    def used_by(self, caller: Caller) -> UsableKeys:
        """The keys that count in a request of this caller: those of local_only sources only in a local one."""
        return self._here if caller.is_local else self._elsewhere


def caller_of(request: Request) -> Caller:
    """Where a request comes from. Behind a proxy that uvicorn trusts, the address is the one that the proxy names."""
    return Caller(
        request.client.host if request.client is not None else "",
        tuple(request.headers.getlist("origin")),
        request.headers.get("sec-fetch-site", ""),
    )


def key_from_header(authorization: str | None) -> str | None:
    """The user name of Basic authentication (RFC 7617); None if there is no such header or it cannot be read."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def presents_key(authorization: str | None, keys: Iterable[str]) -> bool:
    """Whether a header holds one of the keys: as Bearer, or as user name of Basic authentication."""
    scheme, _, token = (authorization or "").partition(" ")
    presented = token.strip() if scheme.lower() == "bearer" else key_from_header(authorization)
    return bool(presented) and any(hmac.compare_digest((presented or "").encode(), key.encode()) for key in keys)


def key_from_body(call: JsonObject) -> str | None:
    """The key that a call or a batch carries itself."""
    key = call.get("writeKey")
    return key if isinstance(key, str) else None


def _keys_in(body: bytes) -> Iterator[str]:
    for match in _KEY_IN_BODY.finditer(body):
        try:
            yield msgspec.json.decode(b'"' + match[1] + b'"', type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # no string after all: JSON's parser will say so if another key counts


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
