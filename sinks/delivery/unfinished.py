"""Reads what waits at deliverers, from the changelog of their lines: to account for it, or to say it of a person."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from runtime.kafka.offsets import Offsets
from runtime.kafka.partitions import partition_of
from runtime.kafka.reading import read_to_end
from schemas.topics import DELIVERY_LINES, changelog
from sinks.delivery.lines import Line, Waiting, decode_waiting, line_of, place_of, record_key
from state.store import META

CHANGELOG = changelog(DELIVERY_LINES)


class Unfinished(NamedTuple):
    """A record of `activation.NAME` that was admitted, and has not ended. `kept_as`: its destination's first name.

    `admitted_at`: ms.
    """

    kept_as: str
    admitted_at: int
    record: bytes


class Queued(NamedTuple):
    """What waits in a line and was never attempted.

    `before`: how many of its line come before it; `due_at`: when its line is looked at, ms.
    """

    waiting: Unfinished
    before: int
    due_at: int | None


def unfinished(kafka: str) -> Iterator[Unfinished]:
    """Yield what waits or is under way, at the call, of all partitions. Raises TransientError and TerminalError."""
    if not Offsets(kafka).has_topic(CHANGELOG):
        return
    waiting: dict[bytes, Unfinished] = {}
    for message in read_to_end(kafka, [CHANGELOG]):
        key, value = message.key() or b"", message.value()
        if value is None:
            waiting.pop(key, None)
        elif (place := place_of(key)) is not None:
            waiting[key] = _unfinished(place[0], decode_waiting(value))
    yield from waiting.values()


def queued(kafka: str, keys: Collection[bytes]) -> Iterator[Queued]:
    """Yield what waits under Kafka keys and was never attempted, in the order of lines. Raises as `unfinished`."""
    offsets = Offsets(kafka)
    if not offsets.has_topic(CHANGELOG):
        return
    partitions = len(offsets.partitions([CHANGELOG]))
    numbers = {partition_of(key, partitions) for key in keys}
    lines: dict[bytes, Line] = {}
    waiting: dict[bytes, dict[int, Waiting]] = {}
    for message in read_to_end(kafka, [CHANGELOG], numbers=numbers):
        key, value = message.key() or b"", message.value()
        place = place_of(key)
        if place is not None and record_key(place[0]) in keys:
            line, number = place
            waiting.setdefault(line, {}).pop(number, None)
            if value is not None:
                waiting[line][number] = decode_waiting(value)
        elif not key.startswith(META) and record_key(key) in keys:
            lines[key] = line_of(value)
    for key, of_line in sorted(waiting.items()):
        line_now = lines.get(key, Line())
        for before, (number, each) in enumerate(sorted(of_line.items())):
            if number >= line_now.begun_to:
                yield Queued(_unfinished(key, each), before, line_now.due_at)


def _unfinished(line: bytes, waiting: Waiting) -> Unfinished:
    return Unfinished(line.partition(b"|")[0].decode(), waiting.admitted_at, waiting.record)
