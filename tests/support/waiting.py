"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable

WITHIN_S = 60.0
_LONGEST_PAUSE_S = 0.5


def wait_until(condition: Callable[[], bool], what: str, within_s: float = WITHIN_S, every_s: float = 0.02) -> None:
    """Return once the condition holds. Fails the test, naming what it waited for, when that takes too long.

    Looks often at first, and rarer the longer it takes: a look may be a query, and what is waited for needs the
    processor as well.
    """
    started = time.monotonic()
    while not condition():
        waited = time.monotonic() - started
        assert waited < within_s, f"waited {within_s:g} s for {what}"
        time.sleep(max(every_s, min(waited / 10, _LONGEST_PAUSE_S)))
