"""Runs the evaluator in a thread, since a rebuild or a back-fill keeps the process's own for minutes."""

import logging
import threading
from collections.abc import Callable

from jobs.across.evaluating import AcrossEvaluator
from runtime.clock import now_ms
from runtime.errors import TransientError

LOOK_EVERY_S = 0.5
STOP_WITHIN_S = 2.0

logger = logging.getLogger(__name__)


class EvaluatorThread:
    """Evaluates for the workspaces that were assigned last, until it is stopped. For the thread that assigns."""

    def __init__(self, start: Callable[[], AcrossEvaluator], stopping: threading.Event) -> None:
        """`start` may raise TransientError: it is then tried again. `stopping`: of the process."""
        self._start = start
        self._stopping = stopping
        self._assigned: tuple[frozenset[str], int] = (frozenset(), 0)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="across", daemon=True)
        self._thread.start()

    def assign(self, workspaces: frozenset[str], token: int) -> None:
        """Say which workspaces are this process's, by which assignment. Raises what ended the thread."""
        if self._failure is not None:
            raise self._failure
        self._assigned = workspaces, token

    def join(self) -> None:
        """Wait a moment for the thread, which the event of the process stops."""
        self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        evaluator: AcrossEvaluator | None = None
        try:
            while not self._stopping.wait(LOOK_EVERY_S):
                workspaces, token = self._assigned
                try:
                    evaluator = evaluator or self._start()
                    evaluator.look(workspaces, token, now_ms())
                except TransientError as error:
                    logger.warning("triggers across persons: %s; trying again until it works", error)
        except BaseException as error:  # noqa: BLE001 - the thread's boundary: raised where workspaces are assigned
            self._failure = error
        finally:
            if evaluator is not None:
                evaluator.close()
