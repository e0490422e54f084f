"""Gathers events and ids of sessions into chunks, each the size of one command. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from warehouse.queries.past_events import PastEvent

MAX_EVENTS = 1_000
MAX_BYTES = 1_500_000
MAX_SESSIONS = 10_000


class Chunk(NamedTuple):
    """The events of one command, ordered by time, the numbers of the repetitions among them, and ids of sessions."""

    number: int
    events: tuple[bytes, ...]
    last: bool
    sessions: tuple[str, ...] = ()
    repeated: tuple[int, ...] = ()


def chunks(events: Iterable[PastEvent], sessions: Sequence[str] = (), max_events: int = MAX_EVENTS) -> Iterator[Chunk]:
    """Yield at least one chunk, even without an event; exactly the last one says so. Holds two chunks at most.

    A chunk is within all bounds unless it is a single event. The sessions come with the last events and behind them.
    """
    number = 0
    gathered: list[PastEvent] = []
    size = 0
    for event in events:
        if gathered and (len(gathered) == max_events or size + len(event.body) > MAX_BYTES):
            yield _chunk(number, gathered)
            number, gathered, size = number + 1, [], 0
        gathered.append(event)
        size += len(event.body)
    for start in range(0, max(len(sessions), 1), MAX_SESSIONS):
        last = start + MAX_SESSIONS >= len(sessions)
        yield _chunk(number, gathered, last, tuple(sessions[start : start + MAX_SESSIONS]))
        number, gathered = number + 1, []


def _chunk(number: int, events: Sequence[PastEvent], last: bool = False, sessions: tuple[str, ...] = ()) -> Chunk:
    repeated = tuple(index for index, event in enumerate(events) if event.is_repetition)
    return Chunk(number, tuple(event.body for event in events), last, sessions, repeated)
