"""Which addresses a destination may lead to: none within the networks of the house, unless its definition allows it.

The address that was checked is the one that is connected to, so a name that resolves otherwise a moment later gains
nothing.
"""

import asyncio
import ipaddress
import socket
from typing import TypeAlias
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOW_32_BITS = 0xFFFFFFFF


class ForbiddenAddress(Exception):
    """A destination leads where it must not; the text says where and what to do."""


class Guard(AbstractResolver):
    """Resolves names, and refuses those any of whose addresses is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises ForbiddenAddress, OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            refuse_private(address, host)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=entry[0], proto=entry[2], flags=0)
            for address, entry in zip(addresses, found, strict=True)
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


def refuse_private(address: str, host: str) -> None:
    """Raise ForbiddenAddress if a literal address is not public; do nothing for a name."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return
    if not is_public(parsed):
        raise ForbiddenAddress(
            f"{host} leads to {address}, which is not public (allow it by `allow_private: true` if that is meant)"
        )


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public Internet, whatever it is wrapped into."""
    if isinstance(address, ipaddress.IPv6Address):
        if (inner := _wrapped(address)) is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def why_no_url(url: str) -> str | None:
    """Return what is wrong with the address of a receiver; None if nothing is. The text does not repeat the address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is no URL"
    if parts.scheme not in {"http", "https"}:
        return "it does not begin with https:// or http://"
    if not parts.hostname:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "it carries a user or a password: put them into a header whose value is a secret"
    return "its port is 0" if port == 0 else None
