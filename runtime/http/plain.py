"""A client of addresses without TLS, for a few calls: any other of httpx begins with 20 ms of reading certificates."""

import httpx


def plain_client(timeout_s: float) -> httpx.Client:
    """Return a client for `http://` addresses; each of its connections is closed after its answer."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(verify=False, timeout=timeout_s, limits=limits)  # noqa: S501 - there is no TLS to verify
