"""Options that receivers of HTTP have in common, and what is wrong with them."""

import re
from urllib.parse import urlsplit

import msgspec

from definitions.receivers.hosts import why_no_host

Code = str | int | bool

_NO_URL_CHARACTER = re.compile(r"[\x00-\x20\x7f\\]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NO_HEADER_CHARACTER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECRET_HEADER = re.compile(
    "(.*[-_])?(auth|authorization|cookie|token|secret|password|passwd|credentials?"
    "|(access|account|api|app|auth|functions|license|private|shared|subscription)[-_]?key)",
    re.IGNORECASE,
)
_KEPT_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)


class InnerStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a receiver says within an answer of status 200 that something went wrong.

    `path`: where the code stands, keys with dots between. `ok`: the codes of success; without any, success is that
    nothing stands there. `throttled` and `unauthorised`: codes of these; every other one refuses the delivery.
    `message`: where the text stands.
    """

    path: str
    ok: tuple[Code, ...] = ()
    throttled: tuple[Code, ...] = ()
    unauthorised: tuple[Code, ...] = ()
    message: str = ""


class ItemResults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a receiver says what became of each delivery of a batch: a list in the order of the batch.

    `path`: where the list stands; empty for the answer itself. `status`: what each element is read by.
    """

    status: InnerStatus
    path: str = ""


def why_no_url(url: str) -> str | None:
    """Return what is wrong with the address of a receiver; None if nothing is. The text does not repeat the address."""
    if _NO_URL_CHARACTER.search(url):
        return "it holds a space, a control character or a backslash"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is no URL"
    if parts.scheme not in {"http", "https"}:
        return "it does not begin with https:// or http://"
    if (reason := why_no_host(parts.hostname or "")) is not None:
        return reason
    if parts.username is not None or parts.password is not None:
        return "it carries a user or a password: put them into a header whose value is a secret"
    return "its port is 0" if port == 0 else None


def why_no_header(name: str, value: str = "") -> str | None:
    """Return what is wrong with a header of a definition; None if nothing is. The text does not repeat the value."""
    if _HEADER_NAME.fullmatch(name) is None:
        return "its name is none that HTTP allows"
    if name.lower() in _KEPT_HEADERS:
        return "it is set by the deliverer"
    return "its value holds a control character" if _NO_HEADER_CHARACTER.search(value) else None


def is_secret_header(name: str) -> bool:
    """Return whether the value of a header is a credential, by its name."""
    return _SECRET_HEADER.fullmatch(name) is not None
