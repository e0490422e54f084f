"""The events that every measurement uses: seeded, of people with a device who browse, sign in and buy."""

import random
import time
from collections.abc import Iterator

from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.identity import identifier_key
from schemas.records import Event, Identifier
from schemas.registry import Registry
from schemas.topics import EVENTS, PRODUCER_CONFIG
from settings import Settings

DESCRIPTION = "people drawn evenly, 20 % of events with user id and device, 5 % identify, 1 order in 4, 220 bytes"


def events(count: int, people: int, seed: int = 1, spread_ms: int = 600_000) -> Iterator[Event]:
    """`count` events of `people` persons that happened within the last `spread_ms`, in order of time."""
    chance = random.Random(seed)
    now = time.time_ns() // 1_000_000
    for number in range(count):
        yield event(chance, f"bench-{seed}-{number}", people, now - spread_ms + number * spread_ms // count, now)


def event(chance: random.Random, message_id: str, people: int, occurred_at: int, received_at: int) -> Event:
    """One event of a random person."""
    person, kind = chance.randrange(people), chance.random()
    identifiers: tuple[Identifier, ...] = (Identifier("anonymous_id", f"device-{person}"),)
    if kind < 0.2:
        identifiers = (Identifier("user_id", f"user-{person}"), *identifiers)
    identify = kind < 0.05
    name = None if identify else ("Order Completed" if chance.random() < 0.25 else "Product Viewed")
    return Event(
        workspace="main",
        source="bench",
        message_id=message_id,
        type="identify" if identify else "track",
        event=name,
        occurred_at=occurred_at,
        sent_at=None,
        received_at=received_at,
        identifiers=identifiers,
        properties='{"total":120.5,"currency":"EUR","url":"https://shop.example/product/kettle-2"}',
        traits='{"plan":"pro","name":"Mei Lin"}' if identify else "{}",
    )


class Sender:
    """Puts events on the topic as any Kafka producer with an Avro serializer would."""

    def __init__(self, settings: Settings, linger_ms: int = 20) -> None:
        self._encode = Codec(Registry(settings.registry)).encoder(Event)
        self._producer = Producer(
            {**PRODUCER_CONFIG, "bootstrap.servers": settings.kafka, "linger.ms": linger_ms, "compression.type": "lz4"}
        )

    def send(self, sent: Event) -> None:
        """Queue one event; waits while the queue is full."""
        while True:
            try:
                key = identifier_key(sent.workspace, sent.identifiers[0])
                self._producer.produce(EVENTS, self._encode(sent), key)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        """Wait until the broker has all of it."""
        left = self._producer.flush(60)
        if left:
            raise RuntimeError(f"{left} events could not be sent within a minute")
