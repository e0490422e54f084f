"""A consumer of `segments` that reads committed, as a destination would, and notes when each change came."""

import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer

from schemas.codec import Codec
from schemas.records import SegmentChange
from schemas.registry import Registry
from schemas.topics import SEGMENTS
from settings import Settings

SILENCE_S = 3.0

Take = Callable[[SegmentChange, int], None]
"""Is given each change, and when it came: ns of the monotonic clock, which all processes of a machine share."""


class Listener:
    """In a thread of its own while the block lasts; enters once it is assigned its partitions."""

    def __init__(self, settings: Settings, take: Take) -> None:
        self._settings = settings
        self._take = take
        self._heard_at = time.monotonic()
        self._stopping = threading.Event()
        self._is_assigned = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._is_assigned.wait(60):
            raise TimeoutError("no partition of `segments` was assigned within a minute")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    def await_silence(self) -> None:
        """Return once nothing has come for some seconds."""
        while (silent_s := time.monotonic() - self._heard_at) < SILENCE_S:
            time.sleep(SILENCE_S - silent_s)

    def _listen(self) -> None:
        codec = Codec(Registry(self._settings.registry))
        consumer = Consumer(
            {
                "bootstrap.servers": self._settings.kafka,
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "auto.offset.reset": "latest",
                "fetch.wait.max.ms": 10,
            }
        )
        consumer.subscribe([SEGMENTS], on_assign=lambda *_: self._is_assigned.set())
        while not self._stopping.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            arrived_ns = time.monotonic_ns()
            self._heard_at = arrived_ns / 1e9
            self._take(codec.decode(SegmentChange, message.value()), arrived_ns)
        consumer.close()
