"""The durable state of a task: its store and its producer, committed together. Implements `processing.DurableState`.

Leaves the order of a commit to `state.commit`, and which records are too large to `streams.tasks.isolation`.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from runtime.clock import now_ms
from schemas.topics import EVENTS_DEAD, changelog
from state.commit import Committer, RecordTooLarge
from state.restoring import Restored
from state.store import HELD
from state.view import StateView
from streams import metrics
from streams.phases import Committed, Effects, Folded, Received, Stage
from streams.tasks.isolation import RefusedSizes, isolate

log = logging.getLogger(__name__)

PAUSE_MS = 5_000  # a stage that sweeps looks ten times in a second


class StoredState:
    """Made once the store is restored. Folds run in the event loop, commits in a thread of the executor."""

    def __init__(
        self, stage: Stage[Any], partition: int, restored: Restored, committer: Committer, executor: Executor
    ) -> None:
        self._stage = stage
        self.partition = partition
        self._store = restored.store
        self._committer = committer
        self._executor = executor
        self._positions = restored.positions
        self._looked_at = self._opened_at = 0
        if stage.holds_back:
            self._note_held(self._store.get(HELD) or b"0")

    def look(self) -> None:
        """Note that the task looks for work: for the first time, or again.

        After a pause in which it could not, be it of the process or of the broker, it begins to read anew.
        """
        now = now_ms()
        if now - self._looked_at > PAUSE_MS:
            self._opened_at = now
        self._looked_at = now

    @property
    def opened_at(self) -> int:
        """When the task began to read its inputs, in ms."""
        return self._opened_at

    @property
    def positions(self) -> Mapping[str, int]:
        """Topic -> offset of the next record to read."""
        return self._positions

    def view(self) -> StateView:
        """Provide a view of the state as of the last commit."""
        return StateView(self._store)

    async def commit(self, folded: Folded[Any]) -> Committed:
        """Make a batch durable, if need be again without what is too large. Raises what `Committer.commit` raises."""
        received = folded.decoded.received
        sizes = RefusedSizes(changelog(self._stage.table))
        while True:
            folded_s = time.perf_counter()
            try:
                await self._commit(folded)
                break
            except RecordTooLarge as error:
                if error.topic == EVENTS_DEAD:
                    raise
                log.warning("%s: %s: its cause becomes a dead letter", self._committer.name, error)
                sizes.note(error.topic, error.size)
                folded = isolate(self._stage, folded.decoded.received, self.view, sizes)
        self._positions.update(received.positions)
        self._count(received, folded.effects, folded_s)
        return Committed(received, folded.effects.more, folded.effects.is_walking)

    async def _commit(self, folded: Folded[Any]) -> None:
        loop = asyncio.get_running_loop()
        positions = folded.decoded.received.positions
        outputs, view = folded.effects.outputs, folded.effects.view
        await loop.run_in_executor(self._executor, self._committer.commit, outputs, view, positions, self._store)

    def _count(self, received: Received, effects: Effects, folded_s: float) -> None:
        fold_s, commit_s = folded_s - received.began_s, time.perf_counter() - folded_s
        metrics.note_batch(self._stage.name, len(received.records), fold_s, commit_s)
        metrics.count(effects.tally)
        self._note_held(effects.view.changes.get(HELD))
        metrics.LATENCY.observe(effects.receipts, time.time())

    def flush_if_due(self) -> None:
        """See to it that the store on the disk does not get too old. Blocking; raises what RocksDB raises."""
        self._store.flush_if_due()

    def _note_held(self, stored: bytes | None) -> None:
        if stored is not None:
            metrics.note_held(self.partition, int(stored))

    def observe(self) -> None:
        """Refresh the store's gauges."""
        keys, size = self._store.estimated_keys(), self._store.disk_bytes()
        metrics.note_store(self._stage.name, self.partition, keys, size)

    def close(self) -> None:
        """Release the store. Blocking."""
        if self._stage.holds_back:
            metrics.note_held(self.partition, None)
        self._store.close()
