"""From the producer's clock to a consumer of `segments`: how long until somebody can act on an event."""

import threading
import time
import uuid
from typing import NamedTuple

from confluent_kafka import Consumer

from bench.workload import Sender
from runtime.clock import now_ms
from schemas.codec import Codec
from schemas.records import Event, Identifier, SegmentChange
from schemas.registry import Registry
from schemas.topics import SEGMENTS
from settings import Settings

WARM_S = 3.0  # a new producer's first events wait for its connection; nobody's real ones do
LAST_ARRIVALS_S = 5.0


class Latency(NamedTuple):
    """Of `changes` segment changes at `rate` events/s, in ms. `sent`: all events, those included that did not count."""

    rate: int
    sent: int
    changes: int
    p50_ms: float
    p99_ms: float


def measure(settings: Settings, rate: int, seconds: float) -> Latency:
    """Send events at a steady rate, one in four of them making its person enter a segment, and time the entries.

    What is sent in the first seconds is not counted.
    """
    sent_at: dict[str, float] = {}
    seen_ms: list[float] = []
    stopping = threading.Event()
    listening = threading.Event()
    reader = threading.Thread(target=_listen, args=(settings, sent_at, seen_ms, stopping, listening))
    reader.start()
    listening.wait(60)
    sent = _send(settings, rate, seconds, sent_at)
    stopping.wait(LAST_ARRIVALS_S)
    stopping.set()
    reader.join()
    seen_ms.sort()
    if not seen_ms:
        raise RuntimeError("no segment change arrived")
    return Latency(rate, sent, len(seen_ms), _quantile(seen_ms, 0.5), _quantile(seen_ms, 0.99))


def _send(settings: Settings, rate: int, seconds: float, sent_at: dict[str, float]) -> int:
    sender, run = Sender(settings, linger_ms=2), uuid.uuid4().hex[:8]
    started = time.monotonic()
    count = int(rate * (WARM_S + seconds))
    for number in range(count):
        ahead = number / rate - (time.monotonic() - started)
        if ahead > 0:
            time.sleep(ahead)
        message_id = f"{run}-{number}"
        now = now_ms()
        if number >= rate * WARM_S:
            sent_at[message_id] = time.monotonic()
        sender.send(_event(message_id, f"{run}-{number // 4}", number % 4 == 3, now))
    sender.flush()
    return count


def _event(message_id: str, person: str, identify: bool, now: int) -> Event:
    """Three product views of a person, then an identify call, which enters `newly_identified`."""
    kind, name = ("identify", None) if identify else ("track", "Product Viewed")
    who = (Identifier("user_id", person),)
    return Event("main", "bench", message_id, kind, name, now, None, now, who, ordinal=now * 1_000)  # type: ignore[arg-type]


def _listen(
    settings: Settings, sent_at: dict[str, float], seen_ms: list[float], stop: threading.Event, ready: threading.Event
) -> None:
    codec = Codec(Registry(settings.registry))
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": uuid.uuid4().hex,
            "isolation.level": "read_committed",
            "auto.offset.reset": "latest",
            "fetch.wait.max.ms": 10,
        }
    )
    consumer.subscribe([SEGMENTS], on_assign=lambda *_: ready.set())
    while not stop.is_set():
        message = consumer.poll(0.05)
        if message is None or message.error() is not None:
            continue
        arrived = time.monotonic()
        change = codec.decode(SegmentChange, message.value())
        if change.cause in sent_at:
            seen_ms.append((arrived - sent_at[change.cause]) * 1000)
    consumer.close()


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
