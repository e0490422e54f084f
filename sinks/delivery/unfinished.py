"""Reads what waits at deliverers, of all partitions, from the changelog of their lines: for whoever accounts for it."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from runtime.kafka.offsets import Offsets
from runtime.kafka.reading import read_to_end
from schemas.topics import changelog
from state.store import META

CHANGELOG = changelog("deliveries")
_ITEM = META + b"waiting|"
_NUMBER_BYTES = 8


class _Item(msgspec.Struct, array_like=True):
    """The head of what waits, as `lines` keeps it."""

    admitted_at: int
    record: bytes


class Unfinished(NamedTuple):
    """A record of `activation.NAME` that was admitted, and has not ended. `admitted_at`: ms."""

    destination: str
    admitted_at: int
    record: bytes


_decode = msgspec.msgpack.Decoder(_Item).decode


def unfinished(kafka: str) -> Iterator[Unfinished]:
    """Yield what waits or is under way, at the call. Raises TransientError and TerminalError."""
    offsets = Offsets(kafka)
    if not offsets.has_topic(CHANGELOG):
        return
    waiting: dict[bytes, bytes] = {}
    for message in read_to_end(kafka, [CHANGELOG]):
        key, value = message.key() or b"", message.value()
        if not key.startswith(_ITEM):
            continue
        if value is None:
            waiting.pop(key, None)
        else:
            waiting[key] = value
    for key, value in waiting.items():
        item = _decode(value)
        destination = key[len(_ITEM) : -_NUMBER_BYTES].partition(b"|")[0].decode()
        yield Unfinished(destination, item.admitted_at, item.record)
