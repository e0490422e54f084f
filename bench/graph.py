"""Identity without Kafka: how many requests GRAPH decides, and whether RESOLVE slows down with what it knows.

GRAPH's whole stage is measured (decode, decide, encode, read and write the store on disk), on requests as RESOLVE would
send them. All in one process, on one core.
"""

import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.folds import BATCH, Cost, run_stage
from bench.scale import OwnSchemas
from identity.rules import DEFAULT_RULES
from runtime.clock import now_ms
from schemas.codec import Codec
from schemas.identity import identifier_key
from schemas.records import Event, Identifier, IdentityRequest
from schemas.topics import EVENTS, IDENTITY_REQUESTS
from settings import Workspace
from state.store import StateStore
from state.view import StateView
from streams.agents.graph import GraphStage
from streams.agents.resolve import ResolveStage
from streams.phases import Received, Record, decode, fold

WORKSPACES = {"main": Workspace("main", uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01"))}
DESCRIPTION = (
    "of people drawn evenly: 6 in 10 tie a user id and a device, 3 in 10 a user id, an e-mail and a cookie, 1 in 10 an "
    "e-mail and a device; 1 in 50 devices is used by a second person"
)
_AT = 1_700_000_000_000


class Growth(NamedTuple):
    """RESOLVE's cost of an event while it knows `known` identifiers."""

    known: int
    us_per_event: float


def decide(requests: int, people: int) -> Cost:
    """Run GRAPH over this many requests."""
    codec = Codec(OwnSchemas())
    encode = codec.encoder(IdentityRequest)
    records = [
        Record(IDENTITY_REQUESTS, 0, number, b"main", encode(request))
        for number, request in enumerate(_requests(requests, people))
    ]
    _, cost = run_stage(GraphStage(WORKSPACES, DEFAULT_RULES, codec), records)
    return cost


def _requests(count: int, people: int, seed: int = 1) -> Iterator[IdentityRequest]:
    chance = random.Random(seed)
    for number in range(count):
        person, kind = chance.randrange(people), chance.random()
        owner = person - 1 if person % 50 == 1 else person
        user, email = Identifier("user_id", f"user-{person}"), Identifier("email", f"user-{person}@example.org")
        device, cookie = Identifier("anonymous_id", f"device-{owner}"), Identifier("cookie", f"cookie-{person}")
        identifiers = (user, device) if kind < 0.6 else (user, email, cookie) if kind < 0.9 else (email, device)
        yield IdentityRequest("main", f"m{number}", "bench", _AT + number, identifiers)


def growth(sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000), events: int = 50_000) -> list[Growth]:
    """Run RESOLVE over events of a user and a device that it knows, one of 20 a new pair, for growing tables."""
    codec = Codec(OwnSchemas())
    stage, encode = ResolveStage(WORKSPACES, DEFAULT_RULES, codec, lambda _: 0), codec.encoder(Event)
    chance = random.Random(1)
    found, known, offset = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        store = StateStore(Path(folder) / stage.table, stage.deadline_of)
        for size in sizes:
            while known < size:
                people = range(known, min(size, known + BATCH))
                offset = _fold(stage, store, [_record(encode, person, 0) for person in people], offset)
                known = people.stop
            drawn = [(chance.randrange(size), 0 if chance.random() < 0.95 else number) for number in range(events)]
            records = [_record(encode, person, device) for person, device in drawn]
            started = time.process_time()
            for at in range(0, events, BATCH):
                offset = _fold(stage, store, records[at : at + BATCH], offset)
            found.append(Growth(size, (time.process_time() - started) / events * 1e6))
        store.close()
    return found


def _fold(stage: ResolveStage, store: StateStore, records: list[Record], offset: int) -> int:
    view = StateView(store)
    fold(stage, decode(stage, Received(records, {}, now_ms())), view)
    store.write(view.changes, view.stored, offset)
    return offset + len(records)


def _record(encode: Callable[[Event], bytes], person: int, device: int) -> Record:
    user = Identifier("user_id", f"user-{person}")
    identifiers = (user, Identifier("anonymous_id", f"device-{person}-{device}"))
    sent = Event("main", "bench", f"{person}-{device}", "track", "View", _AT, None, _AT, identifiers, ordinal=1)
    return Record(EVENTS, 0, 0, identifier_key("main", user), encode(sent))


if __name__ == "__main__":
    cost = decide(60_000, 20_000)
    print(f"GRAPH: {cost.events / cost.cpu_s:,.0f} requests/s of one core, {DESCRIPTION}")
    for one in growth():
        print(f"RESOLVE: {one.us_per_event:.1f} us an event while {one.known:,} identifiers are known")
