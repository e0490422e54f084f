"""A reader: the records of one lane, fetched ahead in a thread of its own, one chunk at a time.

Fetching ahead is bounded, so a lane that is ready finds everything there that has arrived meanwhile: chunks grow under
backlog and shrink when idle by themselves. Which lanes there are, and where each goes on, is left to the consumer.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from streams.phases import Record, Refused
from streams.transport.fetcher import Budget, Fetcher

MAX_RECORDS = 5_000
MAX_BYTES = 8 * 1024 * 1024  # unpacked; a fold and a commit need some times as much
PACE_S = 0.03  # from one batch to the next: each costs the broker a transaction, however small it is


class Arrived(NamedTuple):
    """What was read. `positions`: by topic, the offset to go on at, behind transaction markers where it is the end."""

    records: Sequence[Record]
    positions: Mapping[str, int]
    refused: Sequence[Refused] = ()


class Reader:
    """Reads committed records of some topics of one partition number, from given offsets on.

    `deliver` is called in the reader's thread with what was read; nothing more is read before `proceed` is called.
    `fail` is called, once, with an error after which there is nothing to read; errors that may pass are waited out.
    """

    def __init__(
        self,
        kafka: str,
        partition: int,
        positions: Mapping[str, int | None],
        deliver: Callable[["Reader", Arrived], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.partition = partition
        self._deliver = deliver
        self._fail = fail
        self._delivered: dict[str, int | None] = dict.fromkeys(positions)
        self._delivered_at = 0.0
        self._loop = asyncio.new_event_loop()
        self._has_news = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._is_stopping = asyncio.Event()
        self._fetchers = [Fetcher(kafka, topic, partition, at, self._has_news.set) for topic, at in positions.items()]
        self._thread = threading.Thread(target=self._run, name=f"reader-{'+'.join(positions)}-{partition}", daemon=True)
        self._thread.start()

    @property
    def ends(self) -> dict[str, int]:
        """End of each topic as the broker last told it; 0 where it has not yet."""
        return {fetcher.topic: fetcher.end for fetcher in self._fetchers}

    def proceed(self) -> None:
        """What was delivered has been worked on: read on."""
        self._call(self._may_read.set)

    def stop(self) -> None:
        """Deliver nothing any more. Returns at once; the thread ends by itself."""
        self._call(self._is_stopping.set)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _call(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the reader has ended
            self._loop.call_soon_threadsafe(function)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._work())
        except Exception as error:  # noqa: BLE001 - the thread's boundary: told to whoever runs the worker
            self._fail(error)

    async def _work(self) -> None:
        """Fetch and read until stopped. Raises what one of the fetchers raises."""
        stopping = asyncio.create_task(self._is_stopping.wait())
        working = [asyncio.create_task(fetcher.run()) for fetcher in self._fetchers]
        working.append(asyncio.create_task(self._read_on()))
        done, pending = await asyncio.wait([stopping, *working], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if stopping not in done:
            for task in done:
                task.result()

    async def _read_on(self) -> None:
        while True:
            await self._may_read.wait()
            await self._has_news.wait()
            await asyncio.sleep(max(0.0, self._delivered_at + PACE_S - time.monotonic()))
            arrived = self._read()
            if arrived.positions and not self._is_stopping.is_set():
                self._may_read.clear()
                self._delivered_at = time.monotonic()
                self._deliver(self, arrived)

    def _read(self) -> Arrived:
        """Everything that is there, within bounds; another topic comes first each time, so that none has to wait."""
        taken: list[Record] = []
        refused: list[Refused] = []
        budget = Budget(MAX_RECORDS, MAX_BYTES)
        self._fetchers = [*self._fetchers[1:], self._fetchers[0]]  # at one go: another thread reads it
        for fetcher in self._fetchers:
            fetcher.take(budget, taken, refused)
        if all(fetcher.is_empty for fetcher in self._fetchers):
            self._has_news.clear()
        positions = {
            fetcher.topic: fetcher.position
            for fetcher in self._fetchers
            if fetcher.position is not None and fetcher.position != self._delivered[fetcher.topic]
        }
        self._delivered |= positions
        return Arrived(taken, positions, refused)
