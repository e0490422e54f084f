"""What can go wrong with the infrastructure: worth another try, or a reason to stop; and the loop that tries again."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from prometheus_client import Counter

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

logger = logging.getLogger(__name__)
Done = TypeVar("Done")


class TransientError(Exception):
    """Not now: the other side is away or overloaded. Tried again with back-off, nothing is acknowledged meanwhile."""


class TerminalError(Exception):
    """Not at all: trying again changes nothing. The process stops, its offsets stay where they are."""


class Stopped(Exception):
    """The process is stopping and the work is not done; nothing of it may be acknowledged."""


def persist(step: str, attempt: Callable[[], Done], stopping: threading.Event, retries: Counter) -> Done:
    """Repeat until it works, counting in `retries` by step.

    Raises Stopped when the process stops first; every error but TransientError passes.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            done = attempt()
        except TransientError as error:
            if pause_s == FIRST_PAUSE_S:
                logger.warning("%s: %s; trying again until it works", step, error)
            retries.labels(step).inc()
            if stopping.wait(pause_s):
                raise Stopped from error
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            if pause_s > FIRST_PAUSE_S:
                logger.warning("%s: works again", step)
            return done
