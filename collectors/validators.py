"""Validates bodies without keeping others waiting: small ones at once, large ones in threads.

What validating means is left to `validation`. A client has one large body validated at a time, so that others wait for
one of its bodies at most, however many it sends. Of huge bodies, one is validated at a time, whoever sends them.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar
from weakref import WeakValueDictionary

from runtime.http.bodies import BodyRefused
from runtime.http.quota import Quota

# What fits takes a few milliseconds at most; handing it to a thread would cost the usual small request more than that.
AT_ONCE_BYTES = 16 * 1024
# Values in memory are up to sixty times as large as their JSON, and a huge body may take a second or more.
HUGE_BYTES = 512 * 1024
MAX_WAITING = 128  # one client may be half of those who wait
_THREADS = 2  # the interpreter runs one at a time; one of them never has a huge body

Validated = TypeVar("Validated")


class Validators:
    """Who validates bodies: the event loop that it belongs to, and a few threads."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._waiting = Quota(max_waiting, max_waiting // 2)
        self._one_huge = asyncio.Lock()
        self._client_locks = WeakValueDictionary[str, asyncio.Lock]()
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="validators")

    async def run(self, client: str, size: int, validate: Callable[[], Validated]) -> Validated:
        """Return what `validate` returns of a body of `size` bytes. Raises BodyRefused (503) if too many wait."""
        if size <= AT_ONCE_BYTES:
            return validate()
        if not self._waiting.take(client, 1):
            raise BodyRefused(503, "overloaded", "too many large requests are under way")
        try:
            client_lock = self._client_locks.setdefault(client, asyncio.Lock())
            async with client_lock, self._one_huge if size > HUGE_BYTES else nullcontext():
                return await asyncio.get_running_loop().run_in_executor(self._executor, validate)
        finally:
            self._waiting.give_back(client, 1)

    def close(self) -> None:
        """Begin nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)
