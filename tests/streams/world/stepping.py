"""Runs blocking code step by step, so that a test decides what happens in between."""

import threading
from collections.abc import Callable


class Killed(BaseException):
    """Ends the work at the pause where it is."""


class SteppedWork:
    """Blocking work that goes on only within `step`, and gives back at every `pause`."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._may_go_on = threading.Semaphore(0)
        self._has_paused = threading.Semaphore(0)
        self._error: BaseException | None = None
        self._is_killed = False
        self.has_ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def step(self) -> None:
        """Let the work go on until it pauses or ends; raises what ended it."""
        if not self._thread.is_alive():
            self._thread.start()
        self._may_go_on.release()
        self._has_paused.acquire()
        if self._error is not None:
            raise self._error

    def kill(self) -> None:
        """End the work where it has paused."""
        self._is_killed = True
        self.step()

    def pause(self) -> None:
        """Wait for the next step; to be called by the work."""
        self._has_paused.release()
        self._may_go_on.acquire()
        if self._is_killed:
            raise Killed

    def _run(self) -> None:
        self._may_go_on.acquire()
        try:
            if not self._is_killed:
                self._work()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by `step`
            self._error = error
        self.has_ended = True
        self._has_paused.release()
