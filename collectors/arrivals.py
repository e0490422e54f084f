"""Numbers calls in the order in which this process takes them: the second half of their ordinals."""

import threading
import time
from collections.abc import Callable


def _now_us() -> int:
    return time.time_ns() // 1_000


class Arrivals:
    """One for each process. An arrival is the microsecond since 1970 at which a call was taken, and no other call's.

    Arrivals of several processes are in order as far as their clocks agree.
    """

    def __init__(self, now_us: Callable[[], int] = _now_us) -> None:
        self._now_us = now_us
        self._lock = threading.Lock()
        self._last = 0

    def take(self, calls: int) -> int:
        """Return the arrival of the first of a request's calls; each further one's is greater by one. Thread-safe."""
        with self._lock:
            first = max(self._last + 1, self._now_us())
            self._last = first + max(calls, 1) - 1
            return first
