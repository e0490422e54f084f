"""A receiver of webhooks in this process, which answers as a test wants, and a destination that leads to it."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from definitions.destinations import Destination
from definitions.mapping import Fields, Selected
from definitions.receivers.webhook import Webhook
from embedded.layout import free_ports
from tests.deliveries.soundness import Taken

MAPPING = Fields(
    (
        ("profile_id", Selected(("profile", "id"))),
        ("segment", Selected(("name",))),
        ("change", Selected(("change",))),
        ("version", Selected(("version",))),
    )
)

Answer = Callable[[Taken, int], int | None]
"""The status for what has come, and for the how manieth request; None: it is taken, and not answered in time."""


def accepting(_taken: Taken, _number: int) -> int | None:
    """Take everything."""
    return 204


class Hook:
    """What it has taken, in order; `requests` counts all that came. What it answers may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.answer: Answer = accepting
        self.headers: dict[str, str] = {}
        self.taken: list[Taken] = []
        self.taken_at: list[float] = []
        """When, by the monotonic clock."""
        self.requests = 0
        self._name = f"hook-{uuid.uuid4().hex[:8]}"

    def destination(self, **options: object) -> Destination:
        """A destination of which this is the receiver."""
        receiver = Webhook(self.url, allow_private=True)
        given: dict[str, object] = {"name": self._name, "receiver": receiver, "mapping": MAPPING} | options
        return Destination(**given)  # type: ignore[arg-type]

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        taken = Taken(request.headers["webhook-id"], **await request.json())
        self.requests += 1
        status = self.answer(taken, self.requests)
        if status is None or status < 300:
            self.taken.append(taken)
            self.taken_at.append(time.monotonic())
        if status is None:
            await asyncio.sleep(30)
        return web.Response(status=status or 204, headers=self.headers)


@contextmanager
def running_hook() -> Iterator[Hook]:
    """A receiver that listens."""
    port = free_ports(1)[0]
    hook = Hook(port)
    loop = asyncio.new_event_loop()
    application = web.Application()
    application.router.add_post("/hook", hook.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield hook
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
