"""`python -m bench.deliveries.commands`: what the worker pays for commands that follow from deliveries and consent.

PROFILE's decoding, fold and store in this process, without Kafka: an event, a `reaffirm` that follows an exit, and a
`deny` that says once more what is known. The ratio to the event, in one run, is what counts.
"""

import argparse
import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import definitions
from bench.folds import BATCH
from bench.scale import OwnSchemas
from bench.workload import shop
from onefold.examples import SHOP
from runtime.clock import now_ms
from schemas.codec import Codec
from schemas.identity import default_profile_id, profile_key
from schemas.records import Command, Deny, Event, Identifier, ProfileCommand, Reaffirm
from schemas.topics import EVENTS_RESOLVED, PROFILE_COMMANDS
from settings import Workspace
from state.store import StateStore
from state.view import StateView
from streams.adoption import unchanging
from streams.agents.profile.stage import ProfileStage
from streams.fold.said import STATUSES, SaidOnce, encode_denials
from streams.phases import Received, Record, decode, fold

WORKSPACE = "main"
NAMESPACE = uuid.UUID(int=7)
ROUNDS = 5


def measure(folder: Path, people: int, events: int) -> dict[str, float]:
    """Return the CPU (us) of a record of each kind, the median of several rounds; `events`: of the people before."""
    codec, defined = Codec(OwnSchemas()), definitions.load(SHOP)
    adopt = unchanging(definitions.compile_program(defined), [WORKSPACE])
    stage = ProfileStage({WORKSPACE: Workspace(WORKSPACE, NAMESPACE)}, adopt, defined.identity, codec)
    store = StateStore(folder / "profiles", stage.deadline_of)
    made = list(_events(codec, shop(events + ROUNDS * people, people)))
    _run(stage, store, made[:events])
    everybody = list({record.key: _who(codec, record) for record in made[:events]}.values())
    kinds: dict[str, Callable[[int], list[Record]]] = {
        "event": lambda turn: made[events + turn * people : events + (turn + 1) * people],
        "reaffirm": lambda _: _commands(codec, everybody, _reaffirm),
        "deny": lambda turn: _commands(codec, everybody, lambda who: _deny(who, turn)),
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(ROUNDS):
        for kind, records_of in kinds.items():
            records = records_of(turn)
            taken[kind].append(_run(stage, store, records) / len(records) * 1e6)
    store.close()
    return {kind: median(each) for kind, each in taken.items()}


def _events(codec: Codec, events: Iterator[Event]) -> Iterator[Record]:
    encode = codec.encoder(Event)
    for number, event in enumerate(events):
        yield Record(EVENTS_RESOLVED, 0, number, _key(event.identifiers[0]), encode(event))


def _who(codec: Codec, record: Record) -> Identifier:
    return codec.decode(Event, record.value).identifiers[0]


def _commands(codec: Codec, people: Sequence[Identifier], command: Callable[[Identifier], Command]) -> list[Record]:
    """Make a command for each, in a random order."""
    encode, shuffled = codec.encoder(ProfileCommand), random.Random(1).sample(people, len(people))
    return [
        Record(PROFILE_COMMANDS, 0, number, _key(who), encode(ProfileCommand.of(WORKSPACE, _id(who), command(who))))
        for number, who in enumerate(shuffled)
    ]


def _reaffirm(who: Identifier) -> Reaffirm:
    return Reaffirm("ads", "big_spenders", _id(who), (who,))


def _deny(who: Identifier, turn: int) -> Deny:
    once = SaidOnce(now_ms() + turn, 0, 0, f"denied-{turn}", STATUSES.index("denied"), "bench")
    return Deny(who, encode_denials({"marketing|email": once}))


def _id(who: Identifier) -> str:
    return default_profile_id(NAMESPACE, who)


def _key(who: Identifier) -> bytes:
    return profile_key(WORKSPACE, _id(who))


def _run(stage: ProfileStage, store: StateStore, records: Sequence[Record]) -> float:
    """Fold and store records in batches; return the CPU (s)."""
    started = time.process_time()
    for start in range(0, len(records), BATCH):
        view = StateView(store)
        batch = decode(stage, Received(records[start : start + BATCH], {}, now_ms()))
        effects = fold(stage, batch, view).effects
        store.write(effects.view.changes, effects.view.stored, (store.applied() or 0) + 1)
    return time.process_time() - started


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=100_000, help="of them, before anything is measured")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
        us = measure(Path(folder), chosen.people, chosen.events)
    for kind, each in us.items():
        print(f"{kind}: {each:.1f} us of CPU, {each / us['event']:.2f} of an event")


if __name__ == "__main__":
    main()
