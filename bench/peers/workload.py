"""The events of `cdp-fold`: seeded, 146 bytes each, few keys with many events; the topic, and what must come out."""

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Producer

from bench.peers.fold import State, change_checksum, count_checksum, decode, encode, fold, output
from runtime.kafka.clients import PRODUCER_CONFIG

TOPIC = "pp-events"
PARTITIONS = 4


class Result(NamedTuple):
    """What a run comes to; equal for all who do the same job."""

    changes: int
    change_sum: int
    keys: int
    count_sum: int


def events(count: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield key and event, 50 ms apart."""
    chance = random.Random(1)
    for number in range(count):
        person = int(chance.paretovariate(1.1) * 50) % 20_000
        yield (
            f"a{person}",
            {
                "event_id": f"e{number:032d}",
                "type": chance.choice(["page", "track", "order"]),
                "ts": 1_700_000_000_000 + number * 50,
                "ids": {"anonymous_id": f"a{person}", "email": f"u{person}@x.com"},
                "props": {
                    "url": f"https://shop.example/p/{chance.randrange(500)}",
                    "ref": "google",
                    "campaign": "spring",
                },
            },
        )


def fill(kafka: str, count: int) -> None:
    """Put the events on the topic, which exists. Raises RuntimeError when the broker does not take them."""
    producer = Producer(
        {**PRODUCER_CONFIG, "bootstrap.servers": kafka, "linger.ms": 20, "queue.buffering.max.messages": 2_000_000}
    )
    for number, (key, event) in enumerate(events(count)):
        producer.produce(TOPIC, encode(event), key.encode())
        if number % 1_000 == 0:
            producer.poll(0)
    if left := producer.flush(120):
        raise RuntimeError(f"{left} events could not be sent within two minutes")


def reference(count: int, cache: Path) -> Result:
    """Return the single-threaded reference; computed once for a number of events and kept in `cache`."""
    path = cache / f"reference-{count}.json"
    if path.exists():
        return Result(**json.loads(path.read_text()))
    states: dict[str, State] = {}
    changes = change_sum = 0
    for key, event in events(count):
        for change in fold(states.setdefault(key, {}), decode(encode(event))):
            changes += 1
            change_sum += change_checksum(output(key, change))
    counts = {key: state["n"] for key, state in states.items()}
    result = Result(changes, change_sum, len(counts), sum(count_checksum(*item) for item in counts.items()))
    path.write_text(json.dumps(result._asdict()))
    return result
