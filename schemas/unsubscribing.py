"""Links by which people say that they want no more: signed, so that nobody can say so for others. Pure.

The API answers them (`api.unsubscribing`), the destinations of messages put them in. A link holds no address, only the
profile's id. One click: RFC 8058, https://www.rfc-editor.org/rfc/rfc8058.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
from collections.abc import Callable

import msgspec

PATH = "/v1/unsubscribe/"
ONE_CLICK = "List-Unsubscribe=One-Click"
"""The value of the header `List-Unsubscribe-Post`, and the body of the request that a mail program makes."""

MAX_TOKEN = 2_000
_KEY_FOR = b"onefold unsubscribe links, 1"
_SIGNATURE_BYTES = 16


class UnsubscribeLink(msgspec.Struct, frozen=True, array_like=True):
    """What a link ends: what is sent to a profile for a purpose, on a channel; either may be `schemas.consent.ALL`."""

    workspace: str
    profile_id: str
    purpose: str
    channel: str


class ForgedLink(ValueError):
    """A link that was not made here, or that was changed on its way."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(UnsubscribeLink).decode


def unsubscribe_url(base: str, namespace: uuid.UUID, link: UnsubscribeLink) -> str:
    """Return the address of a link. `base`: where people reach the API; `namespace`: the secret of the workspace."""
    said = _encode(link)
    return f"{base.rstrip('/')}{PATH}{_text(said)}.{_text(_signature(namespace, said))}"


def read_link(token: str, namespace_of: Callable[[str], uuid.UUID | None]) -> UnsubscribeLink:
    """Return what a link says: what follows PATH in its address. Raises ForgedLink.

    `namespace_of`: the secret of a workspace; None if there is no such workspace.
    """
    said, _, signature = token.partition(".")
    try:
        if len(token) > MAX_TOKEN:
            raise ForgedLink("too long")
        encoded, signed = _bytes(said), _bytes(signature)
        link = _decode(encoded)
    except (msgspec.DecodeError, binascii.Error, UnicodeError) as error:
        raise ForgedLink("no link") from error
    namespace = namespace_of(link.workspace)
    if namespace is None or not hmac.compare_digest(signed, _signature(namespace, encoded)):
        raise ForgedLink("not signed here")
    return link


def _signature(namespace: uuid.UUID, said: bytes) -> bytes:
    key = hmac.digest(namespace.bytes, _KEY_FOR, hashlib.sha256)
    return hmac.digest(key, said, hashlib.sha256)[:_SIGNATURE_BYTES]


def _text(said: bytes) -> str:
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
