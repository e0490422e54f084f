"""Stamps events with the version of the definitions that RESOLVE knows when it routes them (docs/decisions/0034).

What a sender wrote there counts for nothing: by their stamps PROFILE and a back-fill share the events between them.
"""

import msgspec

from schemas.codec import Codec
from schemas.records import Event
from schemas.specialised import written_long

_UNSTAMPED = b"\0\0"  # how an event ends whose stamp is 0: the end of its repairs, then the stamp itself


class Stamping:
    """Stamps encoded events. An event of this release's schema is not decoded: its stamp is its last byte."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._encode = codec.encoder(Event)
        self._own = codec.prefix(Event)

    def unstamped(self, encoded: bytes | None) -> bytes:
        """Return an event in this release's schema, with the stamp 0. Raises DecodeError."""
        if encoded is not None and encoded.endswith(_UNSTAMPED) and encoded.startswith(self._own):
            return encoded
        event = self._codec.decode(Event, encoded)
        return self._encode(msgspec.structs.replace(event, definitions=0))


def stamped(unstamped: bytes, version: int) -> bytes:
    """Return an event of this release's schema, whose stamp is 0, with another stamp."""
    return unstamped[:-1] + written_long(version) if version else unstamped
