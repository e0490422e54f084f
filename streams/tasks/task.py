"""A lane: one partition number of one stage, with its state, its producer and its order of batches.

`open`: fence the previous owner -> apply the changelog -> read the positions. Then, batch after batch:
receive -> fold -> commit -> acknowledge. One batch is in flight at a time; other lanes go on while this one commits.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple

from schemas.topics import APP, EVENTS_DEAD, changelog
from streams import metrics
from streams.failpoints import reached
from streams.phases import Committed, Folded, Received, Record, Refused, Stage, fold
from streams.state.changelog import Recovered, recover
from streams.state.store import Store, StoreCorrupt
from streams.state.view import StateView
from streams.tasks.commit import POSITION, Committer, RecordTooLarge
from streams.tasks.isolation import Limits, fold_fitting

log = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 0.1


class Chunk(NamedTuple):
    """Records of a lane's topics as they were read, each topic in offset order.

    `positions`: topic -> offset of the next record after them. `acknowledge` is called once everything that the chunk
    led to is durable; no further chunk of the lane comes before that.
    """

    records: Sequence[Record]
    positions: Mapping[str, int]
    acknowledge: Callable[[], None]
    refused: Sequence[Refused] = ()


_NO_CHUNK = Chunk((), {}, lambda: None)


def _ignore(_: BaseException) -> None:
    """Before a lane is started, whoever opens it sees its failures."""


class Lane:
    """Owned by the event loop; `open`, fold's commit and `close` leave it for a thread."""

    def __init__(self, stage: Stage, partition: int, kafka: str, path: Path, executor: Executor) -> None:
        self.stage = stage
        self.partition = partition
        self._executor = executor
        self._kafka = kafka
        self._path = path
        self._committer = Committer(kafka, f"{APP}-{stage.name}-{partition}", changelog(stage.table), partition)
        self._store: Store | None = None
        self._positions: dict[str, int] = {}
        self._waiting: Chunk | None = None
        self._arrived = asyncio.Event()
        self._closing = False
        self._suspended = False
        self._settled = asyncio.Event()
        self._settled.set()
        self._task: asyncio.Task[None] | None = None
        self._on_failure: Callable[[BaseException], None] = _ignore

    # -- opening and closing

    async def open(self) -> None:
        """Take the partition over. Raises what the broker or the disk raises; the lane is unusable then."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._open)

    def _open(self) -> None:
        self._committer.fence()
        reached("after_fence")
        try:
            recovered = self._recover()
        except StoreCorrupt as error:
            log.error("%s: unreadable, rebuilding it from the changelog: %s", self._path, error)
            if self._store is not None:
                self._store.close()
            Store.remove(self._path)
            recovered = self._recover()
        reached("after_recovery")
        metrics.recovered(self.stage.name, recovered.records, recovered.seconds)
        log.info(
            "%s-%d: %d changelog records in %.1f s, goes on at %s",
            self.stage.name, self.partition, recovered.records, recovered.seconds, self._positions or "the start",
        )  # fmt: skip

    def _recover(self) -> Recovered:
        store = self._store = Store(self._path, self.stage.deadline_of)
        recovered = recover(self._kafka, changelog(self.stage.table), self.partition, store, lambda: self._closing)
        self._positions = {topic.decode(): int(at) for topic, at in store.meta(POSITION).items()}
        return recovered

    def position(self, topic: str) -> int | None:
        """Offset at which to read on; None where nothing was ever read."""
        return self._positions.get(topic)

    def start(self, on_failure: Callable[[BaseException], None]) -> None:
        """Begin to work on what is submitted; a failure ends the lane and is reported."""
        self._on_failure = on_failure
        self._task = asyncio.create_task(self._run(), name=f"{self.stage.name}-{self.partition}")
        self._task.add_done_callback(
            lambda task: None if task.cancelled() or not task.exception() else on_failure(task.exception())  # type: ignore[arg-type]
        )

    async def close(self) -> None:
        """Finish the batch in flight, drop what waits (it will be read again), release store and producer."""
        self._closing = True
        self._waiting = None
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)

    def _close(self) -> None:
        reached("before_close")
        self._committer.close()
        if self._store is not None:
            self._store.close()

    # -- batches

    def submit(self, chunk: Chunk) -> None:
        """Work on this chunk next."""
        self._waiting = chunk
        self._arrived.set()

    def discard_waiting(self) -> None:
        """Drop a chunk that is not being worked on: it will be read again."""
        self._waiting = None

    async def suspend(self) -> None:
        """Begin no further batch, and wait for the one in flight: somebody else may own the partition in a moment."""
        self._suspended = True
        await self._settled.wait()

    def resume(self) -> None:
        """Go on after `suspend`: the partition is still ours."""
        self._suspended = False
        self._arrived.set()

    async def _run(self) -> None:
        more = False
        while not self._closing:
            if not more or self._suspended:
                await self._wait()
            if self._closing or self._suspended:
                continue
            chunk, self._waiting = self._waiting, None
            if chunk is not None or more or self.stage.sweeps:
                self._settled.clear()
                try:
                    more = await self._work(chunk)
                finally:
                    self._settled.set()

    async def _wait(self) -> None:
        """Until a chunk is there, or, for a stage that sweeps, until it is time for that."""
        if self._waiting is None or self._suspended:
            self._arrived.clear()
            timeout_s = SWEEP_INTERVAL_S if self.stage.sweeps else None
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout_s)
            except TimeoutError:
                return

    async def _work(self, chunk: Chunk | None) -> bool:
        """Fold and commit until nothing is due any more; whether a sweep without a chunk left something for later."""
        committed = await self._pass(chunk)
        while committed is not None and committed.more and chunk is not None:
            committed = await self._pass(None)
        reached("before_acknowledgement")
        if chunk is not None:
            chunk.acknowledge()
        return committed is not None and committed.more

    def _received(self, chunk: Chunk) -> Received:
        """Without what is committed already: around a rebalance, a reader and the one that replaces it may overlap."""
        done = self._positions
        records: Sequence[Record] = [record for record in chunk.records if record.offset >= done.get(record.topic, 0)]
        positions = {topic: max(at, done.get(topic, 0)) for topic, at in chunk.positions.items()}
        refused = [one for one in chunk.refused if one.record.offset >= done.get(one.record.topic, 0)]
        return Received(records, positions, time.time_ns() // 1_000_000, refused)

    async def _pass(self, chunk: Chunk | None) -> Committed | None:
        """One fold and its commit, again without what is too large; None when there was nothing to commit."""
        received = self._received(chunk or _NO_CHUNK)
        limits = Limits(changelog(self.stage.table))
        while True:
            try:
                return await self._fold_and_commit(received, limits)
            except RecordTooLarge as error:
                if error.topic == EVENTS_DEAD:
                    raise
                log.warning("%s-%d: %s: its cause becomes a dead letter", self.stage.name, self.partition, error)
                limits.learn(error.topic, error.size)

    async def _fold_and_commit(self, received: Received, limits: Limits) -> Committed | None:
        started = time.perf_counter()
        if limits:
            folded = fold_fitting(self.stage, received, self._view, limits)
        else:
            folded = fold(self.stage, received, self._view())
        if not received.positions and not folded.outputs and not folded.view.changes:
            return None
        folded_at = time.perf_counter()
        committed = await self._commit(received.positions, folded)
        self._positions.update(committed.positions)
        metrics.batch(self.stage.name, len(received.records), folded_at - started, time.perf_counter() - folded_at)
        metrics.count(folded.tally)
        metrics.LATENCY.observe(folded.receipts, time.time())
        return committed

    def _view(self) -> StateView:
        assert self._store is not None
        return StateView(self._store)

    async def _commit(self, positions: Mapping[str, int], folded: Folded) -> Committed:
        assert self._store is not None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._committer.commit, folded, positions, self._store)

    def _flush(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        try:
            store.flush_if_due()
        except Exception as error:  # noqa: BLE001 - the thread's boundary: told to whoever runs the worker
            if not self._closing:
                loop.call_soon_threadsafe(self._on_failure, error)

    def observe(self) -> None:
        """Look after this lane's store, and refresh its gauges; to be called every second or so."""
        if self._store is not None and not self._closing:
            self._executor.submit(self._flush, self._store, asyncio.get_running_loop())
            metrics.store(self.stage.name, self.partition, self._store.estimated_keys(), self._store.disk_bytes())
