"""Stamps events with the version of the definitions that RESOLVE knows when it routes them (docs/decisions/0034).

What a sender wrote there counts for nothing: by their stamps PROFILE and a back-fill share the events between them.
"""

from collections.abc import Callable

import msgspec

from definitions.sets.publication import Stamping, stamping_record
from schemas.codec import Codec
from schemas.records import Event
from schemas.specialised import written_long
from schemas.topics import DEFINITIONS
from state.outputs import Output
from state.store import META
from state.view import StateView

_ADOPTED = META + b"definitions"
_UNSTAMPED = b"\0\0"  # how an event ends whose stamp is 0: the end of its repairs, then the stamp itself


class Stamper:
    """Stamps encoded events. An event of this release's schema is not decoded: its stamp is its last byte.

    `known_version`: of the newest definitions that this worker has heard of.
    """

    def __init__(self, codec: Codec, known_version: Callable[[], int]) -> None:
        self._known_version = known_version
        self._codec = codec
        self._encode = codec.encoder(Event)
        self._own = codec.prefix(Event)

    def unstamped(self, encoded: bytes | None) -> bytes:
        """Return an event in this release's schema, with the stamp 0. Raises DecodeError."""
        if encoded is not None and encoded.endswith(_UNSTAMPED) and encoded.startswith(self._own):
            return encoded
        event = self._codec.decode(Event, encoded)
        return self._encode(msgspec.structs.replace(event, definitions=0))

    def adopt(self, partition: int, view: StateView, outputs: list[Output], has_events: bool) -> int:
        """Return the version to stamp this batch with. It never falls: what was adopted is in the task's state.

        The batch that adopts a version says so on `definitions`, and since when the partition stamps nothing lower.
        """
        stored, known = view.get(_ADOPTED), self._known_version()
        if stored is None and not known and not has_events:
            return 0
        version, since = map(int, stored.split()) if stored is not None else (0, known)
        if stored is not None and known <= version:
            return version
        view.put(_ADOPTED, b"%d %d" % (known, since))
        if known:
            outputs.append(Output(DEFINITIONS, *stamping_record(partition, Stamping(known, since))))
        return known


def stamped(unstamped: bytes, version: int) -> bytes:
    """Return an event of this release's schema, whose stamp is 0, with another stamp."""
    return unstamped[:-1] + written_long(version) if version else unstamped
