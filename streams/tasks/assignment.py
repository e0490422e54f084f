"""The tasks and standbys of this worker: opens and closes them as partitions come and go."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from schemas.topics import changelog
from streams.phases import AnyStage, FetchedBatch
from streams.tasks.large_folds import LargeFolds
from streams.tasks.standby import Standby
from streams.tasks.task import StageTask

log = logging.getLogger(__name__)

TaskId = tuple[str, int]
"""Name of a stage and partition number."""


class StageTasks:
    """All tasks of this worker by id. Any failure is reported to `on_failure`: the worker must then stop."""

    def __init__(
        self,
        stages: Sequence[AnyStage],
        kafka: str,
        folder: Path,
        executor: Executor,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._stage_of = {topic: stage for stage in stages for topic in stage.topics}
        self._stage_of_changelog = {changelog(stage.table): stage for stage in stages}
        self.kafka = kafka
        self._folder = folder
        self._executor = executor
        self._large_folds = LargeFolds()
        self._tasks: dict[TaskId, StageTask] = {}
        self._standbys: dict[TaskId, Standby] = {}
        self._on_failure = on_failure
        self._assigning = asyncio.Lock()
        self._suspensions = 0

    async def assign(self, inputs: Iterable[tuple[str, int]], changelogs: Iterable[tuple[str, int]] = ()) -> None:
        """Hold exactly the tasks of these inputs: close what is gone, open what is new, keep the rest.

        `inputs`: (topic, partition)s to work on. `changelogs`: those of which standbys are to be kept.
        Where a rebalance has suspended the tasks meanwhile, they stay so: the next assignment decides.
        """
        suspensions = self._suspensions
        active = _by_task(inputs, self._stage_of)
        copies = _by_task(changelogs, self._stage_of_changelog)
        async with self._assigning:
            await self._close([task for task in self._tasks if task not in active])
            await self._stop_standbys([task for task in self._standbys if task not in copies or task in active])
            await self._open(active)
            self._start_standbys(copies)
            if self._suspensions == suspensions:
                for task in self._tasks.values():
                    task.run()

    async def _open(self, active: Mapping[TaskId, AnyStage]) -> None:
        new = {
            (name, partition): self._new_task(stage, partition)
            for (name, partition), stage in active.items()
            if (name, partition) not in self._tasks
        }
        try:
            await asyncio.gather(*(task.restore() for task in new.values()))
        except BaseException:
            await asyncio.gather(*(task.close() for task in new.values()), return_exceptions=True)
            raise
        self._tasks |= new

    def _new_task(self, stage: AnyStage, partition: int) -> StageTask:
        path = self._path(stage, partition)
        return StageTask(stage, partition, self.kafka, path, self._executor, self._large_folds, self._on_failure)

    def _start_standbys(self, copies: Mapping[TaskId, AnyStage]) -> None:
        for (name, partition), stage in copies.items():
            if (name, partition) not in self._tasks and (name, partition) not in self._standbys:
                standby = Standby(stage, partition, self.kafka, self._path(stage, partition))
                self._standbys[name, partition] = standby

    async def close(self) -> None:
        """Close all tasks and standbys."""
        await asyncio.gather(self._close(list(self._tasks)), self._stop_standbys(list(self._standbys)))

    async def _close(self, gone: Iterable[TaskId]) -> None:
        closing = [self._tasks.pop(task) for task in gone]
        await asyncio.gather(*(task.close() for task in closing))

    async def _stop_standbys(self, gone: Iterable[TaskId]) -> None:
        stopping = [self._standbys.pop(task) for task in gone]
        await asyncio.gather(*(asyncio.to_thread(standby.stop) for standby in stopping))

    def _path(self, stage: AnyStage, partition: int) -> Path:
        return self._folder / f"{stage.table}-{partition}"

    async def suspend(self) -> None:
        """Stop all work before a rebalance: wait for batches in flight, drop those that wait, begin no other."""
        self._suspensions += 1
        self.discard_waiting()
        await asyncio.gather(*(task.suspend() for task in self._tasks.values()))

    def discard_waiting(self) -> None:
        """Drop every batch that no task is working on: it will be read again."""
        for task in self._tasks.values():
            task.discard_waiting()

    def active(self) -> Collection[StageTask]:
        """Return the tasks, running or suspended."""
        return self._tasks.values()

    def submit(self, stage: str, partition: int, batch: FetchedBatch) -> None:
        """Hand a batch to its task; one of a task that is no longer here is dropped: its new worker reads it."""
        task = self._tasks.get((stage, partition))
        if task is not None:
            task.submit(batch)

    def observe(self) -> None:
        """Look after the stores of all tasks, and refresh their gauges."""
        for task in self._tasks.values():
            task.observe()


def _by_task(partitions: Iterable[tuple[str, int]], stages: Mapping[str, AnyStage]) -> dict[TaskId, AnyStage]:
    """Return the stages of these (topic, partition)s by task, without topics that are no stage's."""
    return {(stages[topic].name, partition): stages[topic] for topic, partition in partitions if topic in stages}
