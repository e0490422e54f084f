"""Addresses of pages as people and lists know them: host, registrable domain, path and query.

Which domains people can register follows from the Public Suffix List as `tldextract` ships it; it is never fetched.
"""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

import idna
from tldextract import TLDExtract

from admission.facts.values import fact

MAX_URL_LENGTH = 2_048
MAX_PARAMETERS = 100
MAX_HOST_LENGTH = 253  # RFC 1035
_CACHED_HOSTS = 4_096

_WEB = frozenset({"http", "https"})
_APP = "android-app"
_extract = TLDExtract(suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True, include_psl_private_domains=True)


class Host(NamedTuple):
    """A host in Unicode and lower case. `domain`: what is registrable of it, the host itself if nothing is.

    `suffix`: the public suffix behind it, such as `co.uk`; empty for numbers, names without one and apps.
    """

    name: str
    domain: str
    suffix: str


class Address(NamedTuple):
    """The parts of an address; `query` as it was sent."""

    host: Host
    path: str
    query: str


def read_address(url: str) -> Address | None:
    """Return the address of a page on the web or, for referrers, of an Android app; None for anything else."""
    try:
        parts = urlsplit(url[:MAX_URL_LENGTH].strip())
        scheme, name = parts.scheme, parts.hostname
    except ValueError:
        return None
    if not name or len(name) > MAX_HOST_LENGTH:
        return None
    if scheme == _APP:
        return Address(Host(name, name, ""), "", "")
    return Address(host_of(name), parts.path, parts.query) if scheme in _WEB else None


@lru_cache(maxsize=_CACHED_HOSTS)
def host_of(name: str) -> Host:
    """Return the host of a name in any spelling."""
    unicode_name = _in_unicode(name.lower().strip("."))
    extracted = _extract.extract_str(unicode_name)
    if extracted.suffix:
        return Host(unicode_name, extracted.top_domain_under_public_suffix or unicode_name, extracted.suffix)
    if extracted.ipv4 or ":" in unicode_name or "." not in unicode_name:
        return Host(unicode_name, unicode_name, "")
    *_, label, suffix = unicode_name.split(".")  # the list's rule for what it does not have
    return Host(unicode_name, f"{label}.{suffix}", suffix)


def readable_path(path: str) -> str:
    """Return a path as people read it: decoded where that is text."""
    if "%" in path:
        decoded = _decoded(path, "utf-8")
        if decoded is not None and decoded.isprintable():
            path = decoded
    return fact(path) or "/"


def parameters(query: str, charset: str = "utf-8") -> dict[str, str]:
    """Return the parameters of a query by name in lower case, the first of each name that has a value.

    A value that is no UTF-8 is read by `charset`.
    """
    values: dict[str, str] = {}
    for pair in query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS]:
        name, _, value = pair.partition("=")
        if value:
            values.setdefault(name.lower(), value)
    return {name: _text(value, charset) for name, value in values.items()}


def _text(encoded: str, charset: str) -> str:
    if "%" not in encoded:
        return encoded.replace("+", " ")
    with_blanks = encoded.replace("+", " ")
    for name in ("utf-8", charset):
        decoded = _decoded(with_blanks, name)
        if decoded is not None:
            return decoded
    return unquote_to_bytes(with_blanks.encode(errors="replace")).decode(errors="replace")


def _decoded(encoded: str, charset: str) -> str | None:
    try:
        return unquote_to_bytes(encoded).decode(charset)
    except UnicodeError:
        return None


def _in_unicode(name: str) -> str:
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name
