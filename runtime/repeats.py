"""Keeps a log readable while a broker is away: what many clients say alike, again and again, is said once a while."""

import logging
import re
import time

INTERVAL_S = 30.0
_MOST_KEPT = 1_000
# What differs between two clients, or between two attempts of one: names, and how long it waited.
_VARYING = re.compile(r"\[rdkafka#[^]]*\]|\[thrd:[^]]*\]|\(after \d+ms[^)]*\)")


class SeldomRepeated(logging.Filter):
    """For a handler: lets a warning through unless one like it went through within the last 30 s; counts the others."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written; the first one after a silence says how many were not."""
        if record.levelno < logging.WARNING:
            return True
        kind = _VARYING.sub("", record.getMessage())
        now = time.monotonic()
        if now - self._passed_at.get(kind, -INTERVAL_S) < INTERVAL_S:
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
            return False
        if len(self._passed_at) > _MOST_KEPT:
            self._passed_at.clear()
            self._held_back.clear()
        self._passed_at[kind] = now
        held_back = self._held_back.pop(kind, 0)
        if held_back:
            record.msg, record.args = f"{record.getMessage()} (and {held_back} more like it)", ()
        return True
