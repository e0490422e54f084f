"""Write keys: who may send, from where, into which workspace and source."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from admission.json_text import JsonObject
from collectors.events import Sender
from runtime.http.callers import Caller
from settings import Workspace

UNKNOWN_KEY = "no source has this write key: give it as user name of Basic authentication, or as writeKey in the body"
NOT_FROM_HERE = (
    "the key of a source that is local_only is taken from programs of this machine and from web pages that it serves "
    "itself (localhost, 127.0.0.1, [::1]); it is not taken from another machine or from a web page of another origin"
)
MAX_KEYS_IN_BODY = 2_501  # one for each call of the largest batch, and the batch's own

# Possessive: a string without an end is read once. What the parsed JSON says counts in the end.
_KEY_IN_BODY = re.compile(rb'"writeKey"[ \t\r\n]*+:[ \t\r\n]*+"((?:[^"\\]++|\\.)*+)"', re.DOTALL)


class UsableKeys(msgspec.Struct, frozen=True):
    """The write keys that count in one request; those `withheld` exist, but not for its caller.

    They are found by hash, so the time that it takes does not show how much of a key was right.
    """

    senders: Mapping[str, Sender]
    withheld: frozenset[str] = frozenset()

    def sender(self, write_key: str | None) -> Sender | None:
        """Return who holds a key; None for an unknown or missing one."""
        return self.senders.get(write_key) if write_key else None

    def why_refused(self, write_key: str | None) -> str:
        """Say why a key has no sender."""
        return NOT_FROM_HERE if write_key in self.withheld else UNKNOWN_KEY

    def presented_in(self, body: bytes) -> str | None:
        """Return a key that JSON text seems to carry, without parsing it: one that counts, else any, else None."""
        presented = None
        for key in islice(_keys_in(body), MAX_KEYS_IN_BODY):
            if key in self.senders:
                return key
            if presented is None or key in self.withheld:
                presented = key
        return presented


class WriteKeys:
    """The write keys of all workspaces, and which of them count where."""

    def __init__(self, workspaces: Mapping[str, Workspace]) -> None:
        senders, elsewhere = dict[str, Sender](), dict[str, Sender]()
        for workspace in workspaces.values():
            for source in workspace.sources:
                senders[source.write_key] = Sender(workspace.name, source.name)
                if not source.local_only:
                    elsewhere[source.write_key] = senders[source.write_key]
        self._here = UsableKeys(senders)
        self._elsewhere = UsableKeys(elsewhere, frozenset(senders.keys() - elsewhere.keys()))

    def used_by(self, caller: Caller) -> UsableKeys:
        """Return the keys that count in a request of this caller: those of local_only sources only in a local one."""
        return self._here if caller.is_local else self._elsewhere


def key_from_body(call: JsonObject) -> str | None:
    """Return the key that a call or a batch carries itself."""
    key = call.get("writeKey")
    return key if isinstance(key, str) else None


def _keys_in(body: bytes) -> Iterator[str]:
    for match in _KEY_IN_BODY.finditer(body):
        try:
            yield msgspec.json.decode(b'"' + match[1] + b'"', type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # no string after all: JSON's parser will say so if another key counts
