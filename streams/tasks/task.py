"""A task: one partition number of one stage, with its durable state and the batch that it works on.

One batch is in flight at a time; other tasks go on while this one commits. Leaves what happens to a batch to
`streams.processing`, and which tasks there are to `streams.tasks.assignment`.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from schemas.topics import APP, changelog
from state.commit import Committer
from streams.failpoints import reached
from streams.phases import Committed, FetchedBatch, Stage
from streams.processing import Unswept, process, sweep
from streams.tasks.durable import StoredState
from streams.tasks.large_folds import LargeFolds
from streams.tasks.lifecycle import TaskState, transition
from streams.tasks.restoring import restore

log = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 0.1
NEXT_BATCH_S = 0.05
"""So long a walk lets a batch come that it can be committed with: a sweep of its own would keep that waiting."""


def rest_s(last: Committed | None, sweeps: bool) -> float | None:
    """Return how long a task waits for a batch before it sweeps, by what it committed last; None: for ever."""
    if last is not None:
        if last.more or (last.is_walking and not last.received.records):
            return 0
        if last.is_walking:
            return NEXT_BATCH_S
    return SWEEP_INTERVAL_S if sweeps else None


class StageTask:
    """Owned by the event loop; restoring, commits and closing leave it for a thread. `lifecycle` draws its states."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it works on, where, by whom, and who hears of its end
        self,
        stage: Stage[Any],
        partition: int,
        kafka: str,
        path: Path,
        executor: Executor,
        large_folds: LargeFolds,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.stage = stage
        self.partition = partition
        self.name = f"{stage.name}-{partition}"
        self._state = TaskState.CREATED
        self._kafka = kafka
        self._path = path
        self._executor = executor
        self._large_folds = large_folds
        self._fail = on_failure
        self._committer = Committer(kafka, f"{APP}-{self.name}", changelog(stage.table), partition, reached)
        self._restoring: asyncio.Future[None] | None = None
        self._durable: StoredState | None = None  # once restored
        self._next: FetchedBatch | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()  # no batch and no sweep is in flight
        self._idle.set()
        self._working: asyncio.Task[None] | None = None

    # -- life cycle

    def _become(self, state: TaskState) -> None:
        """Change the state. Nothing else does."""
        self._state = transition(self._state, state)
        self._wake.set()

    async def restore(self) -> None:
        """Take the partition over: created -> restoring. Raises what the broker or the disk raises; then close it."""
        self._become(TaskState.RESTORING)
        self._restoring = asyncio.get_running_loop().run_in_executor(self._executor, self._take_over)
        await asyncio.shield(self._restoring)

    def _take_over(self) -> None:
        self._committer.fence()
        reached("after_fence")
        restored = restore(self.stage, self.partition, self._kafka, self._path, lambda: self._state is TaskState.CLOSED)
        self._durable = StoredState(self.stage, self.partition, restored, self._committer, self._executor)
        reached("after_recovery")
        records, seconds = restored.recovered
        positions = restored.positions or "the start"
        log.info("%s: %d changelog records in %.1f s, goes on at %s", self.name, records, seconds, positions)

    def run(self) -> None:
        """Work on what is submitted, or go on with it: restoring or suspended -> running.

        A failure ends the work and is reported to `on_failure`; the worker must then stop.
        """
        if self._state is TaskState.RUNNING:
            return
        assert self._durable is not None, "restored before"
        self._become(TaskState.RUNNING)
        if self._working is None:
            self._working = asyncio.create_task(self._work(self._durable), name=self.name)

    async def suspend(self) -> None:
        """Begin nothing, and wait for what is in flight: another worker may own the partition in a moment."""
        if self._state is TaskState.RUNNING:
            self._become(TaskState.SUSPENDED)
        await self._idle.wait()

    async def close(self) -> None:
        """Finish what is in flight, drop the batch that waits (it will be read again), release store and producer."""
        self._become(TaskState.CLOSED)
        self.discard_waiting()
        under_way = [future for future in (self._restoring, self._working) if future is not None]
        if under_way:
            await asyncio.wait(under_way)
        await asyncio.get_running_loop().run_in_executor(self._executor, self._release)

    def _release(self) -> None:
        reached("before_close")
        self._committer.close()
        if self._durable is not None:
            self._durable.close()

    # -- batches

    def position(self, topic: str) -> int | None:
        """Return the offset at which to read on; None where nothing was ever read."""
        return None if self._durable is None else self._durable.positions.get(topic)

    def submit(self, batch: FetchedBatch) -> None:
        """Work on this batch next."""
        self._next = batch
        self._wake.set()

    def discard_waiting(self) -> None:
        """Drop a batch that is not being worked on: it will be read again."""
        self._next = None

    async def _work(self, durable: StoredState) -> None:
        try:
            await self._work_until_closed(durable)
        except Exception as error:  # noqa: BLE001 - the task's boundary: reported to whoever runs the worker
            self._fail(error)

    async def _work_until_closed(self, durable: StoredState) -> None:
        unswept = Unswept()
        last: Committed | None = None
        while self._state is not TaskState.CLOSED:
            is_suspended = self._state is TaskState.SUSPENDED
            await self._wait(rest_s(None if is_suspended else last, self.stage.sweeps))
            if self._state is not TaskState.RUNNING:
                continue
            batch, self._next = self._next, None
            self._idle.clear()
            durable.look()
            try:
                if batch is not None:
                    committed = await process(batch, self.stage, durable, self._large_folds.apart)
                elif last is not None and (last.more or last.is_walking):
                    committed = await sweep(self.stage, durable, self._large_folds.apart, self._has_next)
                elif self.stage.sweeps:
                    committed = await sweep(self.stage, durable)
                else:
                    continue
                unswept.add(committed)
                last = committed
            finally:
                self._idle.set()

    def _has_next(self) -> bool:
        return self._next is not None

    async def _wait(self, within_s: float | None) -> None:
        """Wait until there is a batch, or the state changes, or the time is over."""
        if within_s == 0 or (self._next is not None and self._state is TaskState.RUNNING):
            return
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), within_s)
        except TimeoutError:
            return

    # -- care

    def observe(self) -> None:
        """Look after the store, and refresh its gauges; to be called every second or so."""
        if self._durable is not None and self._state is not TaskState.CLOSED:
            self._executor.submit(self._flush, self._durable, asyncio.get_running_loop())
            self._durable.observe()

    def _flush(self, durable: StoredState, loop: asyncio.AbstractEventLoop) -> None:
        try:
            durable.flush_if_due()
        except Exception as error:  # noqa: BLE001 - the thread's boundary: reported to whoever runs the worker
            if self._state is not TaskState.CLOSED:
                loop.call_soon_threadsafe(self._fail, error)
