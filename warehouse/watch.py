"""Looks again and again whether ClickHouse answers and has all tables, for a process's readiness."""

import logging
import threading

from runtime.closing import Closing
from runtime.errors import OnefoldError
from settings import ClickHouse
from warehouse.client import Warehouse
from warehouse.completeness import check_complete

EVERY_S = 2.0
READY_TIMES = 5  # as seldom while it is ready: to list all columns takes ClickHouse some 20 ms
ANSWER_WITHIN_S = 5.0

logger = logging.getLogger(__name__)


class Watch(Closing):
    """A thread that looks again and again until its block ends. Raises SettingsError when it cannot even begin."""

    def __init__(self, server: ClickHouse, every_s: float = EVERY_S) -> None:
        self._warehouse = Warehouse(server, ANSWER_WITHIN_S)
        self._every_s = every_s
        self._closing = threading.Event()
        self._reason: str | None = f"ClickHouse at {server.host_and_port} has not answered yet"
        self._thread = threading.Thread(target=self._look, name="warehouse-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; what it is looking at is left to itself."""
        self._closing.set()

    def reason(self) -> str | None:
        """Return why the warehouse cannot be used, or None when it can; as of some seconds ago, at once."""
        return self._reason

    def _look(self) -> None:
        with self._warehouse:
            while not self._closing.is_set():
                reason = self._looked()
                if reason != self._reason and reason is not None:
                    logger.warning("not ready: %s", reason)
                self._reason = reason
                self._closing.wait(self._every_s if reason else READY_TIMES * self._every_s)

    def _looked(self) -> str | None:
        try:
            check_complete(self._warehouse)
        except OnefoldError as error:
            return str(error)
        return None
