"""A reader: the records of one task, fetched ahead in the worker's event loop, one batch at a time.

Fetching ahead is bounded, so a task that is ready finds everything there that has arrived meanwhile: batches grow under
backlog and shrink when idle by themselves. Which tasks there are, and where each goes on, is left to the consumer.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from schemas.topics import PROFILE_COMMANDS
from streams.phases import FetchedBatch, Record, RefusedRecord
from streams.transport.fetcher import Budget, Fetcher

MAX_RECORDS = 5_000
MOST_OF = {PROFILE_COMMANDS: 1_000}
"""Of these topics fewer: jobs fill them faster than PROFILE reads, and live events must not wait for large batches."""
MAX_BYTES = 8 * 1024 * 1024  # unpacked; a fold and a commit need some times as much
PACE_S = 0.03  # from one batch to the next: each costs the broker a transaction, however small it is


class BatchReader:
    """Reads committed records of some topics of one partition number, from given offsets on. Made in an event loop.

    `deliver` is called with each batch; its positions lie behind transaction markers where the topic ends in
    some. Nothing more is read before `proceed` is called.
    `fail` is called, once, with an error after which there is nothing to read; errors that may pass are waited out.
    """

    def __init__(
        self,
        kafka: str,
        partition: int,
        positions: Mapping[str, int | None],
        deliver: Callable[["BatchReader", FetchedBatch], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.partition = partition
        self._deliver = deliver
        self._fail = fail
        self._delivered: dict[str, int | None] = dict.fromkeys(positions)
        self._delivered_at = 0.0
        self._has_news = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._fetchers = [
            Fetcher(kafka, topic, partition, offset, self._has_news.set) for topic, offset in positions.items()
        ]
        self._task = asyncio.create_task(self._run(), name=f"reader-{'+'.join(positions)}-{partition}")

    @property
    def ends(self) -> dict[str, int]:
        """End of each topic as the broker last reported it; 0 where it has not yet."""
        return {fetcher.topic: fetcher.end for fetcher in self._fetchers}

    def proceed(self) -> None:
        """Read on: what was delivered has been worked on."""
        self._may_read.set()

    async def stop(self) -> None:
        """Deliver nothing any more; returns when everything is released."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as working:
                for fetcher in self._fetchers:
                    working.create_task(fetcher.run())
                working.create_task(self._read_on())
        except ExceptionGroup as errors:
            self._fail(errors.exceptions[0])

    async def _read_on(self) -> None:
        while True:
            await self._may_read.wait()
            await self._has_news.wait()
            await asyncio.sleep(max(0.0, self._delivered_at + PACE_S - time.monotonic()))
            batch = self._read()
            if batch.positions:
                self._may_read.clear()
                self._delivered_at = time.monotonic()
                self._deliver(self, batch)

    def _read(self) -> FetchedBatch:
        """Take all that is there, within bounds; another topic comes first each time, so that none has to wait."""
        taken: list[Record] = []
        refused: list[RefusedRecord] = []
        budget = Budget(MAX_RECORDS, MAX_BYTES)
        self._fetchers = [*self._fetchers[1:], self._fetchers[0]]
        for fetcher in self._fetchers:
            fetcher.take(budget, MOST_OF.get(fetcher.topic, MAX_RECORDS), taken, refused)
        if all(fetcher.is_empty for fetcher in self._fetchers):
            self._has_news.clear()
        positions = {
            fetcher.topic: fetcher.position
            for fetcher in self._fetchers
            if fetcher.position is not None and fetcher.position != self._delivered[fetcher.topic]
        }
        self._delivered |= positions
        return FetchedBatch(taken, positions, refused)
