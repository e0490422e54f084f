"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable

WITHIN_S = 60.0


def wait_until(condition: Callable[[], bool], what: str, within_s: float = WITHIN_S, every_s: float = 0.02) -> None:
    """Return once the condition holds. Fails the test, naming what it waited for, when that takes too long."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {within_s:g} s for {what}"
        time.sleep(every_s)
