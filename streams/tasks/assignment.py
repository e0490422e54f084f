"""The lanes and standbys of this worker: opens and closes them as partitions come and go."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from schemas.topics import changelog
from streams.phases import Stage
from streams.tasks.standby import Standby
from streams.tasks.task import Chunk, Lane

log = logging.getLogger(__name__)

Key = tuple[str, int]
"""Name of a stage and partition number."""


class Lanes:
    """All lanes by (stage, partition). A failure of any of them is told to `on_failure`: the worker must then stop."""

    def __init__(self, stages: Sequence[Stage], kafka: str, folder: Path, executor: Executor) -> None:
        self._stages = {topic: stage for stage in stages for topic in stage.topics}
        self.kafka = kafka
        self._folder = folder
        self._executor = executor
        self._lanes: dict[Key, Lane] = {}
        self._standbys: dict[Key, Standby] = {}
        self._assigning = asyncio.Lock()
        self.on_failure: Callable[[BaseException], None] = _raise

    async def assign(self, assigned: Iterable[tuple[str, int]], copied: Iterable[tuple[str, int]] = ()) -> None:
        """Hold exactly the lanes of these (topic, partition)s: close what is gone, open what is new, keep the rest.

        `copied`: the (changelog topic, partition)s of which standbys are to be kept.
        """
        wanted = {
            (self._stages[topic].name, at): self._stages[topic] for topic, at in assigned if topic in self._stages
        }
        by_changelog = {changelog(stage.table): stage for stage in self._stages.values()}
        standbys = {
            (by_changelog[topic].name, at): by_changelog[topic] for topic, at in copied if topic in by_changelog
        }
        async with self._assigning:
            await self._close([key for key in self._lanes if key not in wanted])
            await self._stop_standbys([key for key in self._standbys if key not in standbys or key in wanted])
            await self._open(wanted)
            for (name, at), stage in standbys.items():
                if (name, at) not in self._lanes and (name, at) not in self._standbys:
                    self._standbys[name, at] = Standby(stage, at, self.kafka, self._path(stage, at))
            for lane in self._lanes.values():
                lane.resume()

    async def _open(self, wanted: Mapping[Key, Stage]) -> None:
        new = [
            Lane(stage, at, self.kafka, self._path(stage, at), self._executor)
            for (name, at), stage in wanted.items()
            if (name, at) not in self._lanes
        ]
        try:
            await asyncio.gather(*(lane.open() for lane in new))
        except BaseException:
            await asyncio.gather(*(lane.close() for lane in new), return_exceptions=True)
            raise
        for lane in new:
            self._lanes[lane.stage.name, lane.partition] = lane
            lane.start(self.on_failure)

    async def close(self) -> None:
        """Close all lanes and standbys."""
        await asyncio.gather(self._close(list(self._lanes)), self._stop_standbys(list(self._standbys)))

    async def _close(self, keys: Iterable[Key]) -> None:
        closing = [self._lanes.pop(key) for key in keys]
        await asyncio.gather(*(lane.close() for lane in closing))

    async def _stop_standbys(self, keys: Iterable[Key]) -> None:
        stopping = [self._standbys.pop(key) for key in keys]
        await asyncio.gather(*(asyncio.to_thread(standby.stop) for standby in stopping))

    def _path(self, stage: Stage, partition: int) -> Path:
        return self._folder / f"{stage.table}-{partition}"

    async def suspend(self) -> None:
        """Before a rebalance: no lane begins a batch, none is in flight any more; chunks that wait are dropped."""
        self.discard_waiting()
        await asyncio.gather(*(lane.suspend() for lane in self._lanes.values()))

    def discard_waiting(self) -> None:
        """Drop every chunk that no lane is working on: it will be read again."""
        for lane in self._lanes.values():
            lane.discard_waiting()

    def open(self) -> Collection[Lane]:
        """The lanes of this worker."""
        return self._lanes.values()

    def submit(self, stage: str, partition: int, chunk: Chunk) -> None:
        """Hand a chunk to its lane; one of a lane that is no longer here is dropped: its new owner reads it."""
        lane = self._lanes.get((stage, partition))
        if lane is not None:
            lane.submit(chunk)

    def observe(self) -> None:
        """Refresh the gauges of all stores."""
        for lane in self._lanes.values():
            lane.observe()


def _raise(error: BaseException) -> None:
    raise error
