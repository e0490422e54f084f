"""`python -m bench.scale`: what an event costs PROFILE when 10,000, 100,000 or 1,000,000 profiles are known.

Fold and stores of a worker's four partitions in this process, without Kafka. Every profile gets an event, then events
are measured that go through all of them in a random order, again and again: so a batch holds no profile twice, however
few there are, and what differs is how much is stored. The ratio to the first row, in one run, is what counts.
"""

import argparse
import random
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import definitions
from bench.folds import BATCH
from bench.measure import Usage
from onefold.examples import SHOP
from runtime.clock import now_ms
from schemas.codec import RECORDS, Codec, schema_text
from schemas.identity import default_profile_id, profile_key
from schemas.records import Event, Identifier
from schemas.topics import EVENTS_RESOLVED
from settings import Workspace
from state.store import StateStore
from state.view import StateView
from streams.adoption import unchanging
from streams.agents.profile.stage import ProfileStage
from streams.phases import Received, Record, decode, fold

PARTITIONS = 4
NAMESPACE = uuid.UUID(int=7)
PROPERTIES = '{"product_id":"kettle-2","price":49.9,"currency":"EUR","url":"https://shop.example/product/kettle-2"}'


class Scale(NamedTuple):
    """With so many profiles known. `us`: CPU of this process for an event, RocksDB's threads included."""

    profiles: int
    us: float
    rss_mib: float
    disk_mib: float


class OwnSchemas:
    """This release's schemas without a registry."""

    def schema_by_id(self, schema_id: int) -> str | None:
        return schema_text(list(RECORDS)[schema_id])

    def id_of(self, record: type) -> int:
        return list(RECORDS).index(record)


def measure(profiles: int, events: int) -> Scale:
    """Make the profiles, then measure events of random ones."""
    codec = Codec(OwnSchemas())
    defined = definitions.load(SHOP)
    program = definitions.compile_program(defined)
    stage = ProfileStage({"main": Workspace("main", NAMESPACE)}, unchanging(program, ["main"]), defined.identity, codec)
    chance = random.Random(1)
    now = now_ms()
    with tempfile.TemporaryDirectory() as folder:
        stores = [StateStore(Path(folder) / str(partition), stage.deadline_of) for partition in range(PARTITIONS)]
        _fold(stage, stores, _records(codec, ((person, now - 600_000) for person in range(profiles)), "first"))
        shuffled = list(range(profiles))
        chance.shuffle(shuffled)
        drawn = [(shuffled[number % profiles], now - 300_000 + number) for number in range(events)]
        records = list(_records(codec, iter(drawn), "then"))
        usage = Usage(None)
        _fold(stage, stores, iter(records))
        disk_mib = sum(store.disk_bytes() for store in stores) / 2**20
        result = Scale(profiles, usage.cpu_s() / events * 1e6, usage.rss_mib(), disk_mib)
        for store in stores:
            store.close()
    return result


def _records(codec: Codec, people: Iterator[tuple[int, int]], salt: str) -> Iterator[Record]:
    encode = codec.encoder(Event)
    for number, (person, at) in enumerate(people):
        who = Identifier("anonymous_id", f"device-{person}")
        event = Event(
            "main", "bench", f"{salt}-{number}", "track", "Product Viewed", at, None, at, (who,), PROPERTIES
        )  # fmt: skip
        key = profile_key("main", default_profile_id(NAMESPACE, who))
        yield Record(EVENTS_RESOLVED, 0, number, key, encode(event))


def _fold(stage: ProfileStage, stores: Sequence[StateStore], records: Iterator[Record]) -> None:
    waiting: list[list[Record]] = [[] for _ in stores]
    for record in records:
        at = crc32(record.key or b"") % len(stores)
        waiting[at].append(record)
        if len(waiting[at]) == BATCH:
            _fold_batch(stage, stores[at], waiting[at])
            waiting[at] = []
    for store, rest in zip(stores, waiting, strict=True):
        _fold_batch(stage, store, rest)


def _fold_batch(stage: ProfileStage, store: StateStore, batch: Sequence[Record]) -> None:
    view = StateView(store)
    folded = fold(stage, decode(stage, Received(batch, {}, now_ms())), view).effects
    store.write(folded.view.changes, folded.view.stored, (store.applied() or 0) + 1)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    arguments.add_argument("--profiles", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    arguments.add_argument("--events", type=int, default=100_000, help="events measured (default 100,000)")
    chosen = arguments.parse_args()
    first: Scale | None = None
    for profiles in chosen.profiles:
        scale = measure(profiles, chosen.events)
        first = first or scale
        ratio = f"{scale.us / first.us:.2f} times the first row"
        size = f"{scale.rss_mib:,.0f} MiB of memory, {scale.disk_mib:,.0f} MiB on disk"
        print(f"{scale.profiles:>9,} profiles: {scale.us:.1f} us an event, {ratio}, {size}", flush=True)


if __name__ == "__main__":
    main()
