"""Restores the store of a task: opens it, and applies what it lacks of the changelog. The worker before is fenced."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from schemas.topics import changelog
from streams import metrics
from streams.phases import Stage
from streams.state.changelog import Recovered, recover
from streams.state.store import StateStore, StoreCorrupt
from streams.tasks.commit import stored_positions

log = logging.getLogger(__name__)


class Restored(NamedTuple):
    """An open store that holds all that was committed, where its inputs go on, and what restoring took."""

    store: StateStore
    positions: dict[str, int]  # topic -> offset of the next record to read
    recovered: Recovered


def restore(stage: Stage[Any], partition: int, kafka: str, path: Path, stop: Callable[[], bool]) -> Restored:
    """Open the store and bring it up to date; one that is corrupt is removed and rebuilt. Blocking.

    Returns early when `stop()` is true. Raises what the broker or the disk raises; the store is closed then.
    """
    try:
        restored = _restore(stage, partition, kafka, path, stop)
    except StoreCorrupt as error:
        log.error("%s: unreadable, rebuilding it from the changelog: %s", path, error)
        StateStore.remove(path)
        restored = _restore(stage, partition, kafka, path, stop)
    metrics.note_recovery(stage.name, restored.recovered.records, restored.recovered.seconds)
    return restored


def _restore(stage: Stage[Any], partition: int, kafka: str, path: Path, stop: Callable[[], bool]) -> Restored:
    store = StateStore(path, stage.deadline_of)
    try:
        recovered = recover(kafka, changelog(stage.table), partition, store, stop)
        return Restored(store, stored_positions(store), recovered)
    except BaseException:
        store.close()
        raise
