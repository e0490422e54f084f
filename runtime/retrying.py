"""The one way to repeat what fails for now: for ever, with back-off, until it works or the process stops."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from prometheus_client import Counter

from runtime.errors import TransientError

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

logger = logging.getLogger(__name__)
Done = TypeVar("Done")


class Stopped(Exception):
    """The process is stopping and the work is not done; nothing of it may be acknowledged."""


def persist(step: str, attempt: Callable[[], Done], stopping: threading.Event, retries: Counter | None = None) -> Done:
    """Repeat `attempt` until it works: its result. Counts repetitions in `retries` by step, logs the first and the end.

    Raises Stopped when the process stops first; every error but TransientError passes.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            done = attempt()
        except TransientError as error:
            if pause_s == FIRST_PAUSE_S:
                logger.warning("%s: %s; trying again until it works", step, error)
            if retries is not None:
                retries.labels(step).inc()
            if stopping.wait(pause_s):
                raise Stopped from error
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            if pause_s > FIRST_PAUSE_S:
                logger.warning("%s: works again", step)
            return done
