"""Plays the live shop: sends what the visitors do through Segment's own Python SDK to the collector, from a thread."""

import logging
import random
import threading
from collections.abc import Iterator

from segment.analytics import Client

from onefold.demo.visitors import SdkCall, Tablet, Visitor

SEED = 7
VISITORS = 60
CALLS_PER_S = 40.0


class Shop:
    """`errors` holds what the SDK reported; anything in it means that the demo failed."""

    def __init__(self, url: str, write_key: str) -> None:
        self.errors: list[str] = []
        self.sent = 0
        logging.getLogger("segment").setLevel(logging.CRITICAL)  # its errors come by `on_error`
        self._client = Client(
            write_key, host=url, on_error=self._on_error, upload_size=20, upload_interval=0.1, max_retries=3
        )
        self.visitors = [Visitor(number, SEED) for number in range(VISITORS)]
        self.tablet = Tablet(SEED, (self.visitors[0], self.visitors[1]))
        self._visits: list[Iterator[SdkCall]] = [self.tablet.visits(), *(visitor.visits() for visitor in self.visitors)]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._play, name="shop", daemon=True)

    def open(self) -> None:
        """Let the visitors in."""
        self._thread.start()

    def close(self) -> None:
        """Let nobody act any more, and send what is on its way."""
        self._stopping.set()
        self._thread.join()
        self._client.shutdown()

    def _play(self) -> None:
        chance = random.Random(SEED)
        while not self._stopping.wait(chance.expovariate(CALLS_PER_S)):
            # Few act at a time: earlier visitors come back more often than late ones come in.
            self._send(next(chance.choice(self._visits[: 8 + self.sent // 12])))

    def _send(self, call: SdkCall) -> None:
        self.sent += 1
        who = {"anonymous_id": call.anonymous_id, "user_id": call.user_id}
        if call.method == "identify":
            self._client.identify(traits=call.body, **who)
        elif call.method == "page":
            self._client.page(name=call.name, properties=call.body, **who)
        else:
            self._client.track(event=call.name, properties=call.body, **who)

    def _on_error(self, error: Exception, items: object) -> None:
        self.errors.append(f"{type(error).__name__}: {error} ({len(items) if isinstance(items, list) else 1} events)")
