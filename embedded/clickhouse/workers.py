"""Bounded worker threads for the engine; which work goes to which is left to the gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from embedded.clickhouse.errors import Code, error

T = TypeVar("T")


class WorkerPool:
    """Works on so many requests at a time, lets so many more wait, and refuses the rest."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"clickhouse-{name}")
        self._free = asyncio.Semaphore(threads)
        self._name = name
        self._limit = threads + waiting
        self._present = 0

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Wait for a free worker, and keep it for the block. Raises ServerError when too many wait already."""
        if self._present >= self._limit:
            message = f"Too many simultaneous queries. Maximum: {self._limit} {self._name}"
            raise error(Code.TOO_MANY_SIMULTANEOUS_QUERIES, message)
        self._present += 1
        try:
            async with self._free:
                yield
        finally:
            self._present -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Wait for the work in progress."""
        self._executor.shutdown(wait=True, cancel_futures=True)
