"""Runs a job as a process: in a thread that SIGTERM and Ctrl-C stop, and whose end is the exit code."""

import logging
import signal
import threading
from collections.abc import Callable

import settings as configuration
from runtime import logs
from runtime.errors import OnefoldError
from runtime.retrying import Stopped
from settings import Settings

STOP_WITHIN_S = 2.0

Job = Callable[[Settings, threading.Event], None]
"""Works with an installation's settings until the event is set; raises Stopped when that comes in the midst of it."""


def run_job(name: str, job: Job) -> int:
    """Run a job. Returns 0 after SIGTERM or Ctrl-C; 1, after one line that says why, when going on makes no sense."""
    logs.configure()
    stopping = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: stopping.set())
    ended = _Ending(name, job)
    # A daemon: what ClickHouse takes minutes for must not hold up the end, and whatever is broken off is done again.
    worker = threading.Thread(target=ended.of, args=(stopping,), name=name, daemon=True)
    worker.start()
    while worker.is_alive() and not stopping.wait(0.1):
        pass
    worker.join(STOP_WITHIN_S)
    return ended.code


class _Ending:
    """How the work ended; 0 while it has not."""

    def __init__(self, name: str, job: Job) -> None:
        self.code = 0
        self._logger = logging.getLogger(name)
        self._job = job

    def of(self, stopping: threading.Event) -> None:
        try:
            self._job(configuration.load(), stopping)
        except Stopped:
            pass
        except (OnefoldError, OSError) as error:
            self._logger.error("%s", error)
            self.code = 1
        except BaseException:
            self.code = 1
            raise
