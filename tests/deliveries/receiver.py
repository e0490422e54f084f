"""`python -m tests.deliveries.receiver PORT FILE SEED`: a receiver of webhooks that misbehaves, and remembers on disk.

Of the requests to `/hook` it takes most, and, by the seed, throttles some, fails at some, and takes some without ever
answering. What it has taken is in the SQLite file before it answers: it may be killed at any moment. `/storm?s=N` has
it throttle everything for N seconds.
"""

import asyncio
import contextlib
import random
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

THROTTLED, FAILED, UNANSWERED = 0.02, 0.02, 0.01
UNANSWERED_FOR_S = 30.0

_TABLE = "CREATE TABLE IF NOT EXISTS taken (number INTEGER PRIMARY KEY, key TEXT, body TEXT)"


class Receiver:
    """Takes what is posted, at its own pace."""

    def __init__(self, file: Path, seed: int) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")  # a kill of the process loses nothing of it
        self._database.execute(_TABLE)
        self._random = random.Random(seed)
        self._throttles_until = 0.0

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take a webhook, or not."""
        if time.monotonic() < self._throttles_until:
            return web.Response(status=429, headers={"Retry-After": "1"})
        chance = self._random.random()
        if chance < THROTTLED:
            return web.Response(status=429, headers={"Retry-After": "1"})
        if chance < THROTTLED + FAILED:
            return web.Response(status=503)
        body = await request.read()
        self._database.execute(
            "INSERT INTO taken (key, body) VALUES (?, ?)", (request.headers["webhook-id"], body.decode())
        )
        if chance > 1 - UNANSWERED:
            await asyncio.sleep(UNANSWERED_FOR_S)
        return web.Response(status=204)

    async def storm(self, request: web.Request) -> web.StreamResponse:
        """Throttle everything for a while."""
        self._throttles_until = time.monotonic() + float(request.query["s"])
        return web.Response()

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        handlers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {"/hook": self.take}
        return [web.post(path, handler) for path, handler in handlers.items()] + [web.get("/storm", self.storm)]


def taken(file: Path) -> list[tuple[str, bytes]]:
    """Return the keys and bodies of all that a receiver has taken, in that order; nothing before it has started."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute(_TABLE)
        return [(key, body.encode()) for key, body in database.execute("SELECT key, body FROM taken ORDER BY number")]


def main() -> None:
    """Serve until killed."""
    port, file, seed = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    application = web.Application()
    application.add_routes(Receiver(file, seed).routes())
    web.run_app(application, host="127.0.0.1", port=port, print=None, shutdown_timeout=0)


if __name__ == "__main__":
    main()
