"""Keeps large folds of a worker's tasks apart: one at a time has the event loop, and whatever else is ready goes first.

A fold holds the loop while it lasts. A live record needs many rounds of the loop on its way: it is fetched, read,
handed over, folded and committed, in RESOLVE and then in PROFILE. With a large fold of every task in each round, it
would wait for all of them each time. Between two of them the loop goes round so often that it waits for few; where
nothing else is ready, rounds take next to no time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ROUNDS = 10
"""Of the event loop, from one large fold to the next."""


class LargeFolds:
    """Shared by the tasks of a worker, in one event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[None]:
        """Wait until a large fold may begin, for as long as the block lasts; nothing is to be waited for within it."""
        async with self._lock:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            yield
