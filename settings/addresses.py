"""Addresses as they may be shown: a URL can carry a user and a password, and messages, answers and logs must not."""

from urllib.parse import urlsplit, urlunsplit


def without_credentials(url: str) -> str:
    """Return the URL without user and password; of what cannot be read as a URL, what cannot be either of them."""
    try:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=_host_and_port(parts.netloc)))
    except ValueError:
        return _host_and_port(url)


def host_and_port(url: str) -> str:
    """Return `HOST:PORT` of a URL, for messages."""
    try:
        return _host_and_port(urlsplit(url).netloc)
    except ValueError:
        return _host_and_port(url)


def with_credentials(url: str, user: str, password: str) -> str:
    """Return the URL with a user and a password, both of characters that need no quoting in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{_host_and_port(parts.netloc)}"))


def _host_and_port(netloc: str) -> str:
    return netloc.rpartition("@")[2]
