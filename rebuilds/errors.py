"""What can go wrong around the rebuilder: worth another try, or a reason to stop; and the loop that tries again."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from rebuilds import metrics

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

logger = logging.getLogger(__name__)
Done = TypeVar("Done")


class TransientError(Exception):
    """Not now: the other side is away or overloaded. Tried again with back-off, nothing is acknowledged meanwhile."""


class TerminalError(Exception):
    """Not at all: trying again changes nothing. The process stops, its offsets stay where they are."""


class Stopped(Exception):
    """The process is stopping and the work is not done; whoever starts next begins it anew."""


def persist(step: str, attempt: Callable[[], Done], stopping: threading.Event) -> Done:
    """Repeat until it works. Raises Stopped when the process stops first; every error but TransientError passes."""
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            done = attempt()
        except TransientError as error:
            if pause_s == FIRST_PAUSE_S:
                logger.warning("%s: %s; trying again until it works", step, error)
            metrics.RETRIES.labels(step).inc()
            if stopping.wait(pause_s):
                raise Stopped from error
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            if pause_s > FIRST_PAUSE_S:
                logger.warning("%s: works again", step)
            return done
