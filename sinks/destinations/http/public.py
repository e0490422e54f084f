"""Which addresses are of the public Internet, and which of those that a definition names are not. Pure."""

import ipaddress
from collections.abc import Iterator
from typing import TypeAlias
from urllib.parse import urlsplit

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
_URLS = ("url", "token_url")
_LEADS_TO = {"localhost": "127.0.0.1"}
"""The one name of which it is known beforehand."""


class ForbiddenAddress(Exception):
    """A destination leads where it must not; the text says where and what to do."""


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


def forbidden_urls(receiver: object) -> Iterator[str]:
    """Yield which of a receiver's addresses nothing is sent to, as far as the definition alone says so, and why."""
    if getattr(receiver, "allow_private", True):
        return
    for key in _URLS:
        url = getattr(receiver, key, "")
        try:
            host = (urlsplit(url).hostname if isinstance(url, str) else None) or ""
            refuse_private(_LEADS_TO.get(host, host), host)
        except ValueError:
            continue  # it is no URL, which is told elsewhere
        except ForbiddenAddress as error:
            yield f"{key}: {error}"
