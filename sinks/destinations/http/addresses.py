"""Which addresses a destination may lead to: none within the networks of the house, unless its definition allows it.

The address that was checked is the one that is connected to, so a name that resolves otherwise a moment later gains
nothing.
"""

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's own services, metadata among them
        "192.0.0.0/24",  # Oracle's metadata; not all releases of Python have all of it
        "192.88.99.0/24",
        "::/96",  # IPv4 within IPv6, as it was once written
        "64:ff9b:1::/48",  # translated into networks of the house
        "2001::/32",  # Teredo
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",  # what was private before fc00::/7
    )
)
_LOW_32_BITS = 0xFFFFFFFF
_RESOLVING_THREADS = 2


class ForbiddenAddress(Exception):
    """A destination leads where it must not; the text says where and what to do."""


class Guard(AbstractResolver):
    """Resolves the names of one destination; refuses those any of whose addresses is not public.

    Has threads of its own: a name server that does not answer holds up nobody else's destination.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, "resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises ForbiddenAddress, OSError."""
        loop = asyncio.get_running_loop()
        resolved = await loop.run_in_executor(
            self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
        )
        results = [_result(host, entry[0], entry[2], entry[4]) for entry in resolved]
        if not self._allow_private:
            for result in results:
                refuse_private(result["host"], host)
        return results

    async def close(self) -> None:
        """Let go of the threads, without waiting for a name server."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, family: int, protocol: int, address: tuple[object, ...]) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address[0]),
        port=int(str(address[1])),
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


def refuse_private(address: str, host: str) -> None:
    """Raise ForbiddenAddress if a literal address is not public; do nothing for a name."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return
    if not is_public(parsed):
        leads = address if address == host else f"{host} leads to {address}, which"
        raise ForbiddenAddress(f"{leads} is not public (allow it by `allow_private: true` if that is meant)")


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public Internet, whatever it is wrapped into."""
    if isinstance(address, ipaddress.IPv6Address) and (inner := _wrapped(address)) is not None:
        return is_public(inner)
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
    return address.ipv4_mapped or address.sixtofour
