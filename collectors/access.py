"""Keys: who may send, and into which workspace and source; and whether a request presents a key at all."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping

from collectors.events import Sender
from collectors.payload import JsonObject
from settings import Workspace


class WriteKeys:
    """The write keys of all workspaces."""

    def __init__(self, workspaces: Mapping[str, Workspace]) -> None:
        self._senders = {
            source.write_key: Sender(workspace.name, source.name)
            for workspace in workspaces.values()
            for source in workspace.sources
        }

    def sender(self, write_key: str | None) -> Sender | None:
        """Who holds a key; None for an unknown or missing one."""
        return self._senders.get(write_key) if write_key else None


def key_from_header(authorization: str | None) -> str | None:
    """The user name of Basic authentication (RFC 7617); None if there is no such header or it cannot be read."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def presents_key(authorization: str | None, keys: Iterable[str]) -> bool:
    """Whether a header holds one of the keys: as Bearer, or as user name of Basic authentication."""
    scheme, _, token = (authorization or "").partition(" ")
    presented = token.strip() if scheme.lower() == "bearer" else key_from_header(authorization)
    return bool(presented) and any(hmac.compare_digest((presented or "").encode(), key.encode()) for key in keys)


def key_from_body(call: JsonObject) -> str | None:
    """The key that a call or a batch carries itself."""
    key = call.get("writeKey")
    return key if isinstance(key, str) else None
