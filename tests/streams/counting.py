"""A task on the real broker with the simplest of stages: what tests of tasks run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from embedded.stack import Stack
from schemas.codec import DecodeError
from state.outputs import Output
from state.view import StateView
from streams import metrics
from streams.metrics import Tally
from streams.phases import Decoded, Effects, FetchedBatch, Record
from streams.tasks.large_folds import LargeFolds
from streams.tasks.task import StageTask


class Counting:
    """Counts the records of each key and says the new count; `b"stop"` raises, as a programming error would."""

    sweeps = False
    holds_back = False
    deadline_of: Callable[[bytes], int | None] | None = None

    def __init__(self, name: str) -> None:
        self.name = self.table = name
        self.topics: tuple[str, ...] = (f"{name}-in",)

    def decode(self, record: Record, now: int) -> Record:  # noqa: ARG002 - a stage's signature
        return record

    def fold(self, decoded: Decoded[Record], view: StateView) -> Effects:
        outputs = []
        for record in decoded.items:
            if record.value == b"stop":
                raise RuntimeError("told to stop")
            key = record.key or b""
            count = int(view.get(key) or 0) + 1
            view.put(key, b"%d" % count)
            outputs.append(Output(f"{self.name}-out", key, b"%d" % count))
        return Effects(outputs, view, Tally())

    def dead_letter(self, record: Record, error: DecodeError, now: int, tally: Tally) -> Output:
        tally[metrics.DEAD, (self.name, error.reason)] += 1
        return Output(f"{self.name}-dead", record.key or b"", f"{error.reason} at {now}".encode())


class Running:
    """A running task and what it reports."""

    def __init__(self, stage: Counting, kafka: str, path: Path, executor: ThreadPoolExecutor) -> None:
        self.task = StageTask(stage, 0, kafka, path, executor, LargeFolds(), self.fail)
        self.failures: list[BaseException] = []
        self._failed = asyncio.Event()

    def fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self._failed.set()

    async def failed(self) -> None:
        async with asyncio.timeout(30):
            await self._failed.wait()

    async def work(self, *keys: bytes) -> None:
        """Submit one record for each key as one batch, and wait until it is acknowledged."""
        acknowledged = asyncio.Event()
        topic = self.task.stage.topics[0]
        first = self.task.position(topic) or 0
        records = [Record(topic, 0, first + number, key, b"x") for number, key in enumerate(keys)]
        self.task.submit(FetchedBatch(records, {topic: first + len(keys)}, acknowledge=acknowledged.set))
        async with asyncio.timeout(30):
            await acknowledged.wait()


@asynccontextmanager
async def running(stack: Stack, stage: Counting, folder: Path, executor: ThreadPoolExecutor) -> AsyncIterator[Running]:
    counting = Running(stage, stack.settings.kafka, folder / f"{stage.table}-0", executor)
    await counting.task.restore()
    counting.task.run()
    try:
        yield counting
    finally:
        await counting.task.close()
