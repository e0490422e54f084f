"""A standby: the store of a partition that another worker owns, kept up to date from its changelog.

A worker that takes the partition over closes the standby and opens a task on the same folder, which then lacks only
what was committed in the meantime. Who keeps standbys of what is decided by Faust's assignor.
"""

import contextlib
import logging
import threading
from pathlib import Path

from runtime.errors import OnefoldError
from schemas.topics import changelog
from state.changelog import follow
from state.store import StateStore, StoreCorrupt
from streams import metrics
from streams.phases import AnyStage

log = logging.getLogger(__name__)

RETRY_S = 5.0


class Standby:
    """Follows from when it is made until it is stopped. Failures are logged and tried again: nothing depends on it."""

    def __init__(self, stage: AnyStage, partition: int, kafka: str, path: Path) -> None:
        self._stage = stage
        self._partition = partition
        self._kafka = kafka
        self._path = path
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"standby-{stage.name}-{partition}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Release the store. Blocking."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except StoreCorrupt as error:
                log.error("%s: unreadable, rebuilding it from the changelog: %s", self._path, error)
                StateStore.remove(self._path)
            except OnefoldError as error:
                log.warning("standby of %s-%d waits: %s", self._stage.name, self._partition, error)
                self._stopping.wait(RETRY_S)

    def _follow(self) -> None:
        store = StateStore(self._path, self._stage.deadline_of)
        applied = metrics.STANDBY.labels(self._stage.name)
        try:
            following = follow(self._kafka, changelog(self._stage.table), self._partition, store)
            with contextlib.closing(following):
                for records in following:
                    applied.inc(records)
                    if self._stopping.is_set():
                        return
        finally:
            store.close()
