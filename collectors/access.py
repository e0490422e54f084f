"""Write keys: who may send, and into which workspace and source."""

import base64
import binascii
from collections.abc import Mapping

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


def key_from_body(call: JsonObject) -> str | None:
    """The key that a call or a batch carries itself."""
    key = call.get("writeKey")
    return key if isinstance(key, str) else None
