"""What the topic `deliveries.control` says: which destinations are sent nothing, and why. Pure.

An operator has paused them, or the deliverer cannot open them, such as for want of a secret, or they do not accept
their credentials: of these one delivery is tried now and then. And it says when an operator has resumed one.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TypeVar

import msgspec

_PAUSE, _RESUMED, _UNOPENED, _SUSPENDED = b"pause|", b"resumed|", b"unopened|", b"suspended|"

Said = TypeVar("Said", "Pause", "Resumed", "Unopened", "Suspended")


class Pause(msgspec.Struct, frozen=True):
    """That an operator has paused a destination, in every workspace. `reason`: as the operator put it."""

    destination: str
    paused_at: int
    reason: str = ""


class Resumed(msgspec.Struct, frozen=True):
    """That an operator has resumed a destination at a time (ms): what waits for it is to be attempted at once."""

    destination: str
    resumed_at: int


class Unopened(msgspec.Struct, frozen=True):
    """That a deliverer cannot open a destination, since a time (ms). `reason` names places, never a secret's value."""

    destination: str
    since: int
    reason: str


class Suspended(msgspec.Struct, frozen=True):
    """That a destination does not accept its credentials, since a time (ms). `reason`: what it has answered last."""

    destination: str
    since: int
    reason: str


_encode = msgspec.json.Encoder().encode
_decode_pause = msgspec.json.Decoder(Pause).decode
_decode_resumed = msgspec.json.Decoder(Resumed).decode
_decode_unopened = msgspec.json.Decoder(Unopened).decode
_decode_suspended = msgspec.json.Decoder(Suspended).decode


class Pauses(msgspec.Struct, frozen=True):
    """All that the topic says, by name: what operators paused, what does not open, what refuses its credentials."""

    of: Mapping[str, Pause] = MappingProxyType({})
    unopened: Mapping[str, Unopened] = MappingProxyType({})
    suspended: Mapping[str, Suspended] = MappingProxyType({})
    resumed: Mapping[str, Resumed] = MappingProxyType({})

    def only(self, names: Collection[str]) -> "Pauses":
        """Return what it says of these destinations."""
        return Pauses(_of(self.of, names), _of(self.unopened, names), _of(self.suspended, names))

    def renamed(self, names: Mapping[str, str]) -> "Pauses":
        """Return the same of destinations by what they are called now; `names`: that, by any name of them."""
        return Pauses(
            _renamed(self.of, names),
            _renamed(self.unopened, names),
            _renamed(self.suspended, names),
            _renamed(self.resumed, names),
        )

    def with_record(self, key: bytes | None, value: bytes | None) -> "Pauses":
        """Return what holds after a record. What is no record of the topic changes nothing."""
        if key is None:
            return self
        try:
            if key.startswith(_PAUSE):
                name, pause = _named(key, _PAUSE), None if value is None else _decode_pause(value)
                return msgspec.structs.replace(self, of=_with(self.of, name, pause))
            if key.startswith(_RESUMED):
                name, resumed = _named(key, _RESUMED), None if value is None else _decode_resumed(value)
                return msgspec.structs.replace(self, resumed=_with(self.resumed, name, resumed))
            if key.startswith(_UNOPENED):
                name, unopened = _named(key, _UNOPENED), None if value is None else _decode_unopened(value)
                return msgspec.structs.replace(self, unopened=_with(self.unopened, name, unopened))
            if key.startswith(_SUSPENDED):
                name, suspended = _named(key, _SUSPENDED), None if value is None else _decode_suspended(value)
                return msgspec.structs.replace(self, suspended=_with(self.suspended, name, suspended))
        except (msgspec.DecodeError, ValueError):
            pass
        return self


def pause_record(pause: Pause) -> tuple[bytes, bytes]:
    """Return key and value of the record that pauses a destination."""
    return _PAUSE + pause.destination.encode(), _encode(pause)


def resume_record(destination: str) -> tuple[bytes, None]:
    """Return key and value of the record that takes the pause of a destination back."""
    return _PAUSE + destination.encode(), None


def resumed_record(resumed: Resumed) -> tuple[bytes, bytes]:
    """Return key and value of the record that has what waits for a destination attempted at once."""
    return _RESUMED + resumed.destination.encode(), _encode(resumed)


def unopened_record(unopened: Unopened) -> tuple[bytes, bytes]:
    """Return key and value of the record that says that a destination cannot be opened."""
    return _UNOPENED + unopened.destination.encode(), _encode(unopened)


def opened_record(destination: str) -> tuple[bytes, None]:
    """Return key and value of the record that says that it is open, or not defined any more."""
    return _UNOPENED + destination.encode(), None


def suspended_record(suspended: Suspended) -> tuple[bytes, bytes]:
    """Return key and value of the record that says that a destination does not accept its credentials."""
    return _SUSPENDED + suspended.destination.encode(), _encode(suspended)


def accepted_record(destination: str) -> tuple[bytes, None]:
    """Return key and value of the record that says that it accepts them, or is not to be asked any more."""
    return _SUSPENDED + destination.encode(), None


def _named(key: bytes, prefix: bytes) -> str:
    return key.removeprefix(prefix).decode(errors="replace")


def _of(said: Mapping[str, Said], names: Collection[str]) -> Mapping[str, Said]:
    return {name: each for name, each in said.items() if name in names}


def _renamed(said: Mapping[str, Said], names: Mapping[str, str]) -> Mapping[str, Said]:
    return {names.get(name, name): each for name, each in said.items()}


def _with(said: Mapping[str, Said], name: str, one: Said | None) -> Mapping[str, Said]:
    others = {each: of for each, of in said.items() if each != name}
    return others if one is None else others | {name: one}
