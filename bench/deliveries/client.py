"""`python -m bench.deliveries.client`: webhooks a second from one process, to a receiver that does nothing else.

Prints the rate, the CPU seconds of a million deliveries, and the ratio to the bare client of aiohttp in the same run:
what is between them goes into signing, the guard of addresses, and what is kept of request and answer.
"""

import argparse
import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

import aiohttp

from bench.measure import Usage
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from runtime.loopback import LOOPBACK
from schemas.activations import Activation
from sinks.destinations.contract import Delivered, Delivery
from sinks.destinations.webhook import WebhookDestination

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"ok": true}'
SECRET_ENV, SECRET = "BENCH_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMEOUT_S = 30.0
WARM_UP = 2_000


class Figures(NamedTuple):
    """What a client did."""

    name: str
    per_s: float
    cpu_s_per_million: float


class Answering(asyncio.Protocol):
    """Answers each request with 200 as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            _, _, behind = head.lower().partition(b"content-length: ")
            length = int(behind.partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._received = rest[length:]
            self._transport.write(ANSWER)


def receive(url: Connection) -> None:
    """Serve until the process is ended; say first where."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, LOOPBACK, 0)
        url.send(f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/hook")
        await server.serve_forever()

    asyncio.run(serve())


def delivery(number: int) -> Delivery:
    """Return the delivery of an entry with a handful of traits."""
    activation = Activation(
        workspace="main",
        kind="segment",
        name="big_spenders",
        change="entered",
        activation_id=f"change-{number}",
        profile_id=f"profile-{number}",
        profile_kind="person",
        happened_at=1_700_000_000_000 + number,
        decided_at=1_700_000_000_000 + number,
        cause="event",
        version=1,
    )
    data = {"name": "big_spenders", "change": "entered", "profile_id": f"profile-{number}", "version": 1}
    traits = {"email": f"person{number}@shop.example", "city": "上海", "orders": 7, "spent": 1_234.5}
    fields = {"type": "segment.entered", "id": f"key-{number}", "timestamp": number, "data": {**data, "traits": traits}}
    return Delivery(f"key-{number}", activation, fields)


async def measure(name: str, send: Callable[[int], Awaitable[None]], number: int, at_once: int) -> Figures:
    """Send so many, so many at a time."""
    waiting = iter(range(WARM_UP))

    async def sender() -> None:
        for each in waiting:
            await send(each)

    await asyncio.gather(*(sender() for _ in range(at_once)))
    usage, started, waiting = Usage(None), time.monotonic(), iter(range(number))
    await asyncio.gather(*(sender() for _ in range(at_once)))
    return Figures(name, number / (time.monotonic() - started), usage.cpu_s() / number * 1e6)


async def compare(url: str, number: int, at_once: int) -> list[Figures]:
    """Measure the bare client, webhooks one by one, and webhooks in batches."""
    figures = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once)) as bare:

        async def post(each: int) -> None:
            async with bare.post(url, json=delivery(each).fields) as response:
                await response.read()

        figures.append(await measure("limit: bare aiohttp", post, number, at_once))
    for batch in (1, 50):
        options = Webhook(url, (Secret(env=SECRET_ENV),), batch=batch, allow_private=True)
        destination = WebhookDestination(options, TIMEOUT_S)

        async def send(each: int, opened: WebhookDestination = destination, size: int = batch) -> None:
            outcomes = await opened.send([delivery(each * size + place) for place in range(size)])
            if not all(isinstance(outcome, Delivered) for outcome in outcomes):
                raise RuntimeError(f"not delivered: {outcomes[0]}")

        name, per_s, cpu_s = await measure(f"webhook, batches of {batch}", send, max(number // batch, 1), at_once)
        figures.append(Figures(name, per_s * batch, cpu_s / batch))
        await destination.close()
    return figures


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=64, help="requests under way")
    options = parser.parse_args()
    os.environ[SECRET_ENV] = SECRET
    here, there = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=receive, args=(there,), daemon=True)
    receiver.start()
    try:
        figures = asyncio.run(compare(here.recv(), options.deliveries, options.at_once))
    finally:
        receiver.terminate()
        receiver.join()
    print(f"{options.deliveries:,} deliveries, {options.at_once} requests at once, one process")
    for each in figures:
        ratio = each.per_s / figures[0].per_s
        print(f"{each.name:24} {each.per_s:9,.0f}/s {each.cpu_s_per_million:9,.0f} CPU s per million  x{ratio:.2f}")


if __name__ == "__main__":
    main()
