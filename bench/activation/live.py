"""Live events at a steady rate, and how long those that make a person enter a segment take to a consumer.

The message id says when the event was due, by the monotonic clock, so whoever sees the change knows how long it took.
"""

import threading
import time
import uuid
from types import TracebackType
from typing import Self

from bench.activation.scale import RATE
from bench.workload import Sender
from definitions import Segment
from definitions.model import Call, EventCount, EventMatcher, Window
from runtime.clock import now_ms
from schemas.records import Event, Identifier, SegmentChange
from settings import Settings

ENTERED = Segment("bench_identified", EventCount(EventMatcher((Call("identify", None),)), Window(86_400_000)))
"""One live event in four has its person enter it."""
WARM_S = 3.0  # a new producer's first events wait for its connection; nobody's real ones do


class Live:
    """Sends in a thread of its own while the block lasts; give `take` each change that came."""

    def __init__(self, settings: Settings) -> None:
        self._sender = Sender(settings, linger_ms=2)
        self._run = uuid.uuid4().hex[:8]
        self._taken_ms: list[float] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._stopping.wait(WARM_S)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._sender.flush()

    def take(self, change: SegmentChange, arrived_ns: int) -> None:
        """Note how long a change took, if an event of this run caused it."""
        taken_ms = took_ms(change.cause, self._run, arrived_ns)
        if taken_ms is not None:
            self._taken_ms.append(taken_ms)

    def taken_ms(self) -> list[float]:
        """Return how long each change took that came since the last call."""
        taken, self._taken_ms = self._taken_ms, []
        return taken

    def _send(self) -> None:
        started, number = time.monotonic_ns(), 0
        while not self._stopping.is_set():
            due_ns = started + number * 1_000_000_000 // RATE
            ahead_ns = due_ns - time.monotonic_ns()
            if ahead_ns > 0:
                time.sleep(ahead_ns / 1e9)
            self._sender.send(live_event(self._run, number, due_ns))
            number += 1


def live_event(run: str, number: int, due_ns: int) -> Event:
    """Make three product views of a person, then an identify call."""
    now = now_ms()
    name = None if number % 4 == 3 else "Product Viewed"
    who = (Identifier("user_id", f"{run}-{number // 4}"),)
    message_id = message_id_of(run, number, due_ns)
    return Event(
        "main", "bench", message_id, "track" if name else "identify", name, now, None, now, who, ordinal=now * 1_000
    )


def message_id_of(run: str, number: int, due_ns: int) -> str:
    """Return an id that says when an event was due."""
    return f"{run}-{number}-{due_ns}"


def took_ms(cause: str, run: str, arrived_ns: int) -> float | None:
    """Return how long after an event of a run its change came; None if another thing is the cause."""
    if not cause.startswith(f"{run}-"):
        return None
    return (arrived_ns - int(cause.rpartition("-")[2])) / 1e6
