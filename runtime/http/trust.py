"""Which requests are answered at all: those that name this server, and none that a web page of another site makes.

A site may point its own name at this machine; then its pages are of the same origin as the server, and a browser lets
them read and send what they like. What gives them away is the name in `Host`.
"""

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.http.answers import error_body
from runtime.loopback import LOOPBACK_NAMES, ip_address, is_loopback

_HOST = re.compile(r"(?:\[(?P<bracketed>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_.-]{1,253}))(?::[0-9]{1,5})?", re.ASCII)
_OWN_PAGES = (b"none", b"same-origin")
_ALLOW = "ONEFOLD_TRUSTED_HOSTS names others that may be used"


class TrustedHosts:
    """ASGI middleware that answers 403 to a request whose `Host` is not one of ours.

    `listens_on`: the server's address. On loopback only loopback's names are trusted, and `names`; elsewhere every name
    is, unless there are `names`: then those, loopback's, and the address at which the request arrived. A name is
    compared without its port (a forwarded port is another one); `*.example.com` stands for all names below.

    On loopback the server also refuses what a browser sends for a page of another origin, links included, by
    `Sec-Fetch-Site` and `Origin`. `for_pages` says which requests (method, path) are meant for such pages.
    """

    def __init__(
        self,
        app: ASGIApp,
        listens_on: str,
        names: tuple[str, ...] = (),
        for_pages: Callable[[str, str], bool] = lambda _method, _path: False,
    ) -> None:
        self._app = app
        self._is_local = is_loopback(listens_on)
        self._any_name = not self._is_local and not names
        lowered = [name.lower() for name in names]
        self._names = frozenset((*LOOPBACK_NAMES, *(name for name in lowered if not name.startswith("*."))))
        self._endings = tuple(name[1:] for name in lowered if name.startswith("*."))
        self._for_pages = for_pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        code, message, field = refusal
        body = json.dumps(error_body(code, message, field)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[str, str, str] | None:
        """Code, message and header of the refusal."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or (host := _name(hosts[0].decode("latin-1"))) is None:
            return "untrusted_host", "a request names the server once, in Host", "Host"
        if not self._trusts(host, scope):
            return "untrusted_host", f"this server is not known by the name {host!r}; {_ALLOW}", "Host"
        if not self._is_local or self._for_pages(scope["method"], scope["path"]):
            return None
        for name, value in headers:
            if name == b"sec-fetch-site" and value not in _OWN_PAGES:
                return "untrusted_page", "not for pages of other origins, nor for their links", "Sec-Fetch-Site"
            if name == b"origin" and not self._trusts(_origin_name(value.decode("latin-1")), scope):
                return "untrusted_page", f"not for pages of other origins; {_ALLOW}", "Origin"
        return None

    def _trusts(self, name: str | None, scope: Scope) -> bool:
        if name is None:
            return False
        if self._any_name or name in self._names or name.endswith(self._endings):
            return True
        server = scope.get("server")
        return server is not None and ip_address(name) is not None and ip_address(name) == ip_address(server[0])


def _name(host: str) -> str | None:
    matched = _HOST.fullmatch(host.lower())
    if matched is None:
        return None
    return matched["name"] or str(ip_address(matched["bracketed"]) or "") or None


def _origin_name(origin: str) -> str | None:
    try:
        split = urlsplit(origin)
    except ValueError:
        return None
    return _name(split.netloc) if split.scheme in ("http", "https") else None
