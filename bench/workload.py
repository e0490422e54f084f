"""The events that the measurements use: seeded, of people with a device who browse, sign in and buy."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from confluent_kafka import Producer

from runtime.clock import now_ms
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas.codec import Codec
from schemas.identity import identifier_key
from schemas.records import Event, EventType, Identifier
from schemas.registry import Registry
from schemas.topics import EVENTS
from settings import Settings

_VISIT_EVENTS = 8
_PAGE = '{"url":"https://shop.example/kitchen/kettles?page=2","title":"Kettles","referrer":"https://search.example/"}'
_PRODUCT = '{"product_id":"kettle-2","price":49.9,"currency":"EUR","url":"https://shop.example/product/kettle-2"}'
_ORDER = '{"order_id":"%d","total":120.5,"currency":"EUR","products":[{"product_id":"kettle-2","quantity":2}]}'
_TRAITS = '{"plan":"pro","name":"Mei Lin","city":"杭州"}'
_CONTEXT = '{"library":{"name":"analytics.js","version":"1.84.3"},"locale":"zh-CN"}'

Make = Callable[..., Iterator[Event]]


class Workload(NamedTuple):
    """`events(count, people, seed)` gives events in the order of their times."""

    description: str
    events: Make


def shop(count: int, people: int, seed: int = 1, spread_ms: int = 1_200_000) -> Iterator[Event]:
    """Yield `count` events of visits by `people` persons, three in ten of whom sign in at the start of one.

    They lie in the last 20 minutes: PROFILE would hold back what comes later than the shop's shortest window.
    """
    chance = random.Random(seed)
    started = now_ms() - spread_ms
    visitors = [-1] * max(20, people // 5)
    for number in range(count):
        at = started + number * spread_ms // count
        visitor = chance.randrange(len(visitors))
        begins = visitors[visitor] < 0
        if begins:
            visitors[visitor] = int(people * chance.random() ** 2)
        person = visitors[visitor]
        yield _visit(f"shop-{seed}-{number}", person, begins, chance.random(), at)
        if chance.random() < 1 / _VISIT_EVENTS:
            visitors[visitor] = -1


def newcomers(count: int, people: int, seed: int = 1, spread_ms: int = 600_000) -> Iterator[Event]:
    """Yield `count` events of persons drawn evenly, one in five of which links device and user: busy for GRAPH."""
    chance = random.Random(seed)
    now = now_ms()
    for number in range(count):
        person, kind = chance.randrange(people), chance.random()
        identifiers: tuple[Identifier, ...] = (Identifier("anonymous_id", f"device-{person}"),)
        if kind < 0.2:
            identifiers = (Identifier("user_id", f"user-{person}"), *identifiers)
        call: tuple[EventType, str | None, str] = ("track", "Product Viewed", _PRODUCT)
        if kind < 0.05:
            call = ("identify", None, "{}")
        elif chance.random() < 0.25:
            call = ("track", "Order Completed", _ORDER % number)
        at = now - spread_ms + number * spread_ms // count
        yield _event(f"new-{seed}-{number}", identifiers, call, at, now)


WORKLOADS: Mapping[str, Workload] = {
    "shop": Workload(
        "visits of 8 events on average, a fifth of all people at a time, drawn with a skew, 3 in 10 known by user id "
        "and device after an identify, 1 event in 25 an order, 390 bytes",
        shop,
    ),
    "newcomers": Workload("people drawn evenly, 1 event in 5 with user id and device, 1 in 20 an identify", newcomers),
}


def _visit(message_id: str, person: int, begins: bool, kind: float, at: int) -> Event:
    device, is_known = Identifier("anonymous_id", f"device-{person}"), person % 10 < 3
    identifiers = (Identifier("user_id", f"user-{person}"), device) if is_known else (device,)
    call: tuple[EventType, str | None, str] = ("page", "Kettles", _PAGE)
    if begins and is_known:
        call = ("identify", None, "{}")
    elif kind < 0.04:
        call = ("track", "Order Completed", _ORDER % at)
    elif kind < 0.12:
        call = ("track", "Product Added", _PRODUCT)
    elif kind < 0.4:
        call = ("track", "Product Viewed", _PRODUCT)
    return _event(message_id, identifiers, call, at, at + 50)


def _event(
    message_id: str,
    identifiers: tuple[Identifier, ...],
    call: tuple[EventType, str | None, str],
    occurred_at: int,
    received_at: int,
) -> Event:
    kind, name, properties = call
    return Event(
        workspace="main",
        source="bench",
        message_id=message_id,
        type=kind,
        event=name,
        occurred_at=occurred_at,
        sent_at=None,
        received_at=received_at,
        identifiers=identifiers,
        properties=properties,
        traits=_TRAITS if kind == "identify" else "{}",
        context=_CONTEXT,
        ordinal=received_at * 1_000,  # as the collector does; without it, RESOLVE would have to admit the event
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
