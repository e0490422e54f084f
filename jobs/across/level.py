"""Until when everything that was accepted is in the warehouse: read from Kafka again and again, without waiting."""

import logging
from collections.abc import Mapping

from jobs.progress import Progress, Targets, described, ends_now, unread
from schemas import topics
from schemas.groups import SINK, WORKER

EVERY_MS = 1_000
LOG_AFTER_MS = 60_000
_STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (topics.EVENTS, (WORKER.name,)),
    (topics.EVENTS_RESOLVED, (WORKER.name, SINK.name)),
    (topics.EVENTS_REPEATED, (SINK.name,)),
)
"""What an event goes through: a topic, and who must have read what it had when the stage before was done."""

logger = logging.getLogger(__name__)


class Level:
    """For one thread. `reached` is a time (ms): all that was accepted by then is in the warehouse; 0 at first."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began_at = 0
        self._logged_at = 0
        self._stage = len(_STAGES)
        self._targets: Targets = {}
        self.reached = 0

    def look(self, now: int) -> int:
        """Go on as far as Kafka says, and return what is reached. Raises TransientError or TerminalError."""
        if self._stage == len(_STAGES):
            if now < self.reached + EVERY_MS:
                return self.reached
            self._began_at = self._logged_at = now
            self._enter(0)
        while not (missing := unread(self._progress, self._targets)):
            if self._stage == len(_STAGES) - 1:
                self._stage, self.reached = len(_STAGES), self._began_at
                return self.reached
            self._enter(self._stage + 1)
        self._log(missing, now)
        return self.reached

    def _enter(self, stage: int) -> None:
        """Begin to wait for what the topic of a stage has now."""
        topic, groups = _STAGES[stage]
        self._stage, self._targets = stage, dict.fromkeys(groups, ends_now(self._progress, topic))

    def _log(self, missing: Mapping[tuple[str, str], int], now: int) -> None:
        if now - self._logged_at >= LOG_AFTER_MS:
            self._logged_at = now
            behind_s = (now - self._began_at) // 1_000
            logger.warning("triggers across persons wait, %d s behind: %s", behind_s, described(missing))
