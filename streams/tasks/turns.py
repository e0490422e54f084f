"""Turns: large folds of a worker's tasks have the event loop one after the other, and what else is ready goes first.

A fold holds the loop while it lasts. A live record needs many rounds of the loop on its way: it is fetched, read,
handed over, folded and committed, in RESOLVE and then in PROFILE. With a large fold of every task in each round
it would wait for all of them each time; between two turns the loop goes round so often that it waits for few. Where
nothing else is ready, rounds take next to no time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ROUNDS = 10
"""Of the event loop, from one turn to the next."""


class Turns:
    """Shared by the tasks of a worker, in one event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until it is one's turn, which lasts as long as the block: it must not wait for anything itself."""
        async with self._lock:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            yield
