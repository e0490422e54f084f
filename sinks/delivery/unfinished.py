"""Reads what waits at deliverers, of all partitions, from the changelog of their lines: for whoever accounts for it."""

from collections.abc import Iterator
from typing import NamedTuple

from runtime.kafka.offsets import Offsets
from runtime.kafka.reading import read_to_end
from schemas.topics import DELIVERY_LINES, changelog
from sinks.delivery.lines import read_waiting

CHANGELOG = changelog(DELIVERY_LINES)


class Unfinished(NamedTuple):
    """A record of `activation.NAME` that was admitted, and has not ended. `kept_as`: its destination's first name.

    `admitted_at`: ms.
    """

    kept_as: str
    admitted_at: int
    record: bytes


def unfinished(kafka: str) -> Iterator[Unfinished]:
    """Yield what waits or is under way, at the call. Raises TransientError and TerminalError."""
    if not Offsets(kafka).has_topic(CHANGELOG):
        return
    waiting: dict[bytes, Unfinished] = {}
    for message in read_to_end(kafka, [CHANGELOG]):
        key, value = message.key() or b"", message.value()
        if value is None:
            waiting.pop(key, None)
        elif (read := read_waiting(key, value)) is not None:
            kept_as, item = read
            waiting[key] = Unfinished(kept_as, item.admitted_at, item.record)
    yield from waiting.values()
