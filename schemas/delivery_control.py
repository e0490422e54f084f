"""What the topic `deliveries.control` says: which destinations are sent nothing, and why. Pure.

An operator has paused them, or the deliverer cannot open them, such as for want of a secret. A destination that does
not accept its credentials pauses by itself, which is no record of this topic.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import msgspec

_PAUSE, _UNOPENED = b"pause|", b"unopened|"

Said = TypeVar("Said", "Pause", "Unopened")


class Pause(msgspec.Struct, frozen=True):
    """That an operator has paused a destination, in every workspace. `reason`: as the operator put it."""

    destination: str
    paused_at: int
    reason: str = ""


class Unopened(msgspec.Struct, frozen=True):
    """That a deliverer cannot open a destination, since a time (ms). `reason` names places, never a secret's value."""

    destination: str
    since: int
    reason: str


_encode = msgspec.json.Encoder().encode
_decode_pause = msgspec.json.Decoder(Pause).decode
_decode_unopened = msgspec.json.Decoder(Unopened).decode


class Pauses(msgspec.Struct, frozen=True):
    """All that the topic says, by name: the destinations that an operator has paused, and those that do not open."""

    of: Mapping[str, Pause] = MappingProxyType({})
    unopened: Mapping[str, Unopened] = MappingProxyType({})

    def with_record(self, key: bytes | None, value: bytes | None) -> "Pauses":
        """Return what holds after a record. What is no record of the topic changes nothing."""
        if key is None:
            return self
        try:
            if key.startswith(_PAUSE):
                name, pause = _named(key, _PAUSE), None if value is None else _decode_pause(value)
                return Pauses(_with(self.of, name, pause), self.unopened)
            if key.startswith(_UNOPENED):
                name, unopened = _named(key, _UNOPENED), None if value is None else _decode_unopened(value)
                return Pauses(self.of, _with(self.unopened, name, unopened))
        except (msgspec.DecodeError, ValueError):
            pass
        return self


def pause_record(pause: Pause) -> tuple[bytes, bytes]:
    """Return key and value of the record that pauses a destination."""
    return _PAUSE + pause.destination.encode(), _encode(pause)


def resume_record(destination: str) -> tuple[bytes, None]:
    """Return key and value of the record that resumes a destination."""
    return _PAUSE + destination.encode(), None


def unopened_record(unopened: Unopened) -> tuple[bytes, bytes]:
    """Return key and value of the record that says that a destination cannot be opened."""
    return _UNOPENED + unopened.destination.encode(), _encode(unopened)


def opened_record(destination: str) -> tuple[bytes, None]:
    """Return key and value of the record that says that it is open, or not defined any more."""
    return _UNOPENED + destination.encode(), None


def _named(key: bytes, prefix: bytes) -> str:
    return key.removeprefix(prefix).decode(errors="replace")


def _with(said: Mapping[str, Said], name: str, one: Said | None) -> Mapping[str, Said]:
    others = {each: of for each, of in said.items() if each != name}
    return others if one is None else others | {name: one}
