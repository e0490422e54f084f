"""Restores a partition: opens its store, and applies what it lacks of the changelog. The holder before is fenced."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from runtime.failpoints import ignored
from state.changelog import Recovered, recover
from state.commit import stored_positions
from state.store import DeadlineOf, StateStore, StoreCorrupt

log = logging.getLogger(__name__)


class Changelog(NamedTuple):
    """Where the changelog of a partition is."""

    kafka: str
    topic: str
    partition: int


class Restored(NamedTuple):
    """An open store that holds all that was committed, where its inputs go on, and what restoring took."""

    store: StateStore
    positions: dict[str, int]  # topic -> offset of the next record to read
    recovered: Recovered


def restore(
    changelog: Changelog,
    path: Path,
    deadline_of: DeadlineOf | None,
    stop: Callable[[], bool],
    reached: Callable[[str], None] = ignored,
) -> Restored:
    """Open the store and bring it up to date; one that is corrupt is removed and rebuilt. Blocking.

    Returns early when `stop()` is true. Raises what the broker or the disk raises; the store is closed then.
    """
    try:
        return _restore(changelog, path, deadline_of, stop, reached)
    except StoreCorrupt as error:
        log.error("%s: unreadable, rebuilding it from the changelog: %s", path, error)
        StateStore.remove(path)
        return _restore(changelog, path, deadline_of, stop, reached)


def _restore(
    changelog: Changelog,
    path: Path,
    deadline_of: DeadlineOf | None,
    stop: Callable[[], bool],
    reached: Callable[[str], None],
) -> Restored:
    store = StateStore(path, deadline_of)
    try:
        recovered = recover(*changelog, store, stop, reached)
        return Restored(store, stored_positions(store), recovered)
    except BaseException:
        store.close()
        raise
