"""Where a request comes from, and the key that its head presents. Which keys are right is left to the rooms."""

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

from starlette.requests import Request

from runtime.loopback import URL_LOOPBACK_NAMES, ip_address

_LOOPBACK_PAGE = re.compile(rf"https?://(?:{'|'.join(map(re.escape, URL_LOOPBACK_NAMES))})(?::\d{{1,5}})?", re.ASCII)


class Caller(NamedTuple):
    """Where a request comes from: the client's address, and the web page that made it, if the browser names one."""

    address: str = ""
    origins: tuple[str, ...] = ()
    fetch_site: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is a program on this machine or a page that this machine serves (Fetch standard: `Origin`)."""
        address = ip_address(self.address)  # a peer has an address; who shows a name is not believed
        if address is None or not address.is_loopback:
            return False
        if self.origins:
            return all(_LOOPBACK_PAGE.fullmatch(origin) for origin in self.origins)
        return self.fetch_site.lower() in {"", "none", "same-origin"}

    @property
    def network(self) -> str:
        """Who claims a bound: an IPv4 address, or the /64 that one IPv6 client has all for itself."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is not None:
            return self.address
        return str(ipaddress.IPv6Network((address.packed[:8] + bytes(8), 64)))


def caller_of(request: Request) -> Caller:
    """Return where a request comes from: behind a proxy that uvicorn trusts, the address that the proxy names."""
    return Caller(
        request.client.host if request.client is not None else "",
        tuple(request.headers.getlist("origin")),
        request.headers.get("sec-fetch-site", ""),
    )


def key_from_header(authorization: str | None) -> str | None:
    """Return the user name of Basic authentication (RFC 7617); None if there is no such header or it cannot be read."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def presents_key(authorization: str | None, keys: Iterable[str]) -> bool:
    """Return whether a header holds one of the keys: as Bearer, or as user name of Basic authentication."""
    scheme, _, token = (authorization or "").partition(" ")
    presented = token.strip() if scheme.lower() == "bearer" else key_from_header(authorization)
    return bool(presented) and any(hmac.compare_digest((presented or "").encode(), key.encode()) for key in keys)
