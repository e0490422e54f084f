"""Single requests to addresses without TLS: each of httpx's own begins with 20 ms of reading certificates."""

from functools import partial
from typing import Any

import httpx

from runtime.http.plain import plain_client

_TIMEOUT_S = 10.0


def request(method: str, url: str, *, timeout: float = _TIMEOUT_S, **options: Any) -> httpx.Response:
    """The answer to a request, with the options of `httpx.request`."""
    with plain_client(timeout) as client:
        return client.request(method, url, **options)


get = partial(request, "GET")
head = partial(request, "HEAD")
options = partial(request, "OPTIONS")
post = partial(request, "POST")
