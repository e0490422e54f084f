"""What the topic `deliveries.control` says: which destinations an operator has paused. Pure.

A destination that does not accept its credentials pauses by itself, which is no record of this topic.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

_PREFIX = b"pause|"


class Pause(msgspec.Struct, frozen=True):
    """That an operator has paused a destination, in every workspace. `reason`: as the operator put it."""

    destination: str
    paused_at: int
    reason: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Pause).decode


class Pauses(msgspec.Struct, frozen=True):
    """All that the topic says: the destinations that are paused, by name."""

    of: Mapping[str, Pause] = MappingProxyType({})

    def with_record(self, key: bytes | None, value: bytes | None) -> "Pauses":
        """Return what holds after a record. What is no record of the topic changes nothing."""
        if key is None or not key.startswith(_PREFIX):
            return self
        destination = key.removeprefix(_PREFIX).decode(errors="replace")
        others = {name: pause for name, pause in self.of.items() if name != destination}
        if value is None:
            return Pauses(others)
        try:
            return Pauses(others | {destination: _decode(value)})
        except (msgspec.DecodeError, ValueError):
            return self


def pause_record(pause: Pause) -> tuple[bytes, bytes]:
    """Return key and value of the record that pauses a destination."""
    return _key(pause.destination), _encode(pause)


def resume_record(destination: str) -> tuple[bytes, None]:
    """Return key and value of the record that resumes a destination."""
    return _key(destination), None


def _key(destination: str) -> bytes:
    return _PREFIX + destination.encode()
