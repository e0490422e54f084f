"""The names and addresses by which a machine calls itself."""

import ipaddress

LOOPBACK = "127.0.0.1"
LOOPBACK_NAMES = (LOOPBACK, "::1", "localhost")
URL_LOOPBACK_NAMES = (LOOPBACK, "[::1]", "localhost")
"""As a URL and the header `Host` write them."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on this address is reached from its own machine only."""
    address = ip_address(host)
    return host == "localhost" if address is None else address.is_loopback


def ip_address(text: str) -> Address | None:
    """Return the address that a text writes, that of IPv4 where IPv6 maps one; None for a name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped
