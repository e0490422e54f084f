"""Runs what goes out as a process: until SIGTERM or Ctrl-C, or until going on makes no sense."""

import logging
import signal
import threading
from collections.abc import Callable

import settings as configuration
from runtime import logs
from runtime.errors import OnefoldError
from runtime.retrying import Stopped
from settings import Settings


def run_process(run: Callable[[Settings, threading.Event], None], logger: logging.Logger) -> int:
    """Call `run` with an event that SIGTERM and Ctrl-C set.

    Returns 0 after one of them; 1, after a line that says why, when going on makes no sense.
    """
    logs.configure()
    stopping = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: stopping.set())
    try:
        run(configuration.load(), stopping)
    except Stopped:
        return 0
    except (OnefoldError, OSError) as error:
        logger.error("%s", error)
        return 1
    return 0
