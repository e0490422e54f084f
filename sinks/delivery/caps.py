"""When a person was sent something on a channel, whatever the destination: what caps count. Over a task's view."""

import msgspec

from sinks.delivery.served import Served
from state.store import META
from state.view import StateView

_PREFIX = META + b"sent|"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode


def sent_at(view: StateView, served: Served, key: bytes, now: int) -> tuple[int, ...]:
    """Return when deliveries on the destination's channel began, as far back as any cap of the channel looks; ms."""
    if not served.cap_window_ms:
        return ()
    value = view.get(_key(served, key))
    return () if value is None else tuple(at for at in _decode(value) if at > now - served.cap_window_ms)


def note_sent(view: StateView, served: Served, key: bytes, number: int, now: int) -> None:
    """Note that so many begin."""
    view.put(_key(served, key), _encode([*sent_at(view, served, key, now), *[now] * number]))


def _key(served: Served, key: bytes) -> bytes:
    return _PREFIX + served.definition.reached_by.encode() + b"|" + key
