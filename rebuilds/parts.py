"""Events gathered into parts, each the size of one command. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_EVENTS = 1_000
MAX_BYTES = 1_500_000


class Part(NamedTuple):
    """The events of one command, ordered by time."""

    number: int
    events: tuple[bytes, ...]
    last: bool


def parts(events: Iterable[bytes]) -> Iterator[Part]:
    """At least one part, even without an event; exactly the last one says so. Holds two parts at most.

    A part is within both bounds unless it is a single event.
    """
    number = 0
    gathered: list[bytes] = []
    size = 0
    for event in events:
        if gathered and (len(gathered) == MAX_EVENTS or size + len(event) > MAX_BYTES):
            yield Part(number, tuple(gathered), last=False)
            number, gathered, size = number + 1, [], 0
        gathered.append(event)
        size += len(event)
    yield Part(number, tuple(gathered), last=True)
