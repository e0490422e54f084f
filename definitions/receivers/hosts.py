"""Names of hosts in addresses of receivers: what no resolver takes is a mistake of the file. Pure."""

import ipaddress
import re
from functools import lru_cache

_LONGEST = 253
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@lru_cache(1_024)
def why_no_host(host: str) -> str | None:
    """Return what is wrong with the name or the address of a host; None if nothing is. Does not repeat it."""
    if not host:
        return "it names no host"
    if _is_address(host):
        return None
    try:
        name = host.encode("idna").decode().removesuffix(".")
    except UnicodeError:
        return "its host has a part between dots that is empty, too long, or no name"
    if len(name) > _LONGEST:
        return f"its host is longer than {_LONGEST} characters"
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return "its host has a part between dots that is no name"
    return None


def why_no_server(text: str) -> str | None:
    """Return what is wrong with HOST or HOST:PORT; an IPv6 address stands in brackets."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest else ""
    elif ":" in text:
        host, _, port = text.rpartition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        return "its port is no number from 1 to 65535"
    return why_no_host(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
