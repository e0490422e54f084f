"""`python -m bench.backfill`: what a back-fill costs PROFILE: CPU for each seed that is kept, and for each profile met.

A window grows from 7 to 30 days, so that every second person enters. Fold and store of one partition in this process,
without Kafka; seeds come in the order of profiles, as a back-fill sends them. `bench.activation` measures all of it.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.activation.backfill import defined
from bench.measure import Usage
from bench.scale import NAMESPACE, OwnSchemas
from definitions import Definitions
from definitions.sets import Completion, Publication, Stamping, next_set
from definitions.sets.publication import completion_record, set_record, stamping_record
from definitions.streaming.states import Times, encode_state
from identity.rules import DEFAULT_RULES
from runtime.clock import now_ms
from runtime.memory import tune_memory
from schemas.codec import Codec
from schemas.identity import default_profile_id, profile_key
from schemas.records import Event, Identifier, ProfileCommand, Seed
from schemas.topics import EVENTS_RESOLVED, PROFILE_COMMANDS
from settings import Workspace
from state.store import StateStore
from state.view import StateView
from streams.adoption import Compiler
from streams.agents.profile.stage import ProfileStage
from streams.phases import Received, Record, decode, fold
from streams.transport.reader import MAX_RECORDS, MOST_OF

DAY_MS = 86_400_000
SEEDS_AT_ONCE = MOST_OF[PROFILE_COMMANDS]
ATTEMPT = "1"


class Partition:
    """One partition of PROFILE on the disk, by definitions that change."""

    def __init__(self, folder: Path) -> None:
        self._publication = Publication()
        self._compiler = Compiler(["main"], 1)
        self._adopted = self._compiler.adopted(self._publication)
        self.codec = Codec(OwnSchemas())
        workspaces = {"main": Workspace("main", NAMESPACE)}
        self._stage = ProfileStage(workspaces, lambda: self._adopted, DEFAULT_RULES, self.codec)
        self._store = StateStore(folder / "profiles", self._stage.deadline_of)
        self._offset = 0
        self.published = 0

    def close(self) -> None:
        self._store.close()

    def apply(self, definitions: Definitions) -> int:
        """Apply definitions; return their version."""
        applied = next_set(self._publication.newest, definitions, {}, now_ms(), "bench")
        self._hear(*set_record(applied))
        self._hear(*stamping_record(0, Stamping(applied.version, 1)))
        return applied.version

    def complete(self, version: int) -> None:
        """Say that all seeds of a version have been sent."""
        self._hear(*completion_record("main", Completion(version, (ATTEMPT,))))

    def seeded_key(self, version: int) -> str:
        """Return the key of the only state that is new in a version."""
        (born,) = (each for each in self._adopted.programs["main", "person"].accumulators if each.born == version)
        return born.key

    def step(self, records: Sequence[Record] = ()) -> bool:
        """Fold a batch, or let a walk go on by a step; return whether it goes on."""
        view = StateView(self._store)
        effects = fold(self._stage, decode(self._stage, Received(records, {}, now_ms())), view).effects
        self._offset += 1
        self._store.write(effects.view.changes, effects.view.stored, self._offset)
        self.published += len(effects.outputs)
        return effects.is_walking

    def _hear(self, key: bytes, value: bytes) -> None:
        self._publication = self._publication.with_record(key, value)
        self._adopted = self._compiler.adopted(self._publication)


def measure(people: int, events: int, is_shuffled: bool = False) -> Iterator[str]:
    """Have people known, give each a seed, and walk over them all."""
    with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
        partition = Partition(Path(folder))
        partition.apply(defined(7))
        partition.complete(1)
        for batch in _batches(_events(partition.codec, people, events), MAX_RECORDS):
            partition.step(batch)
        while partition.step():
            pass
        version = partition.apply(defined(30))
        partition.step()
        seeds = list(_batches(_seeds(partition, people, version, is_shuffled), SEEDS_AT_ONCE))
        yield _took("seed that is kept", people, lambda: [partition.step(batch) for batch in seeds])
        partition.complete(version)
        before = partition.published
        yield _took("profile that the walk meets", people, lambda: _walk(partition))
        yield f"{(partition.published - before) / people:.2f} records published for each"
        partition.close()


def _walk(partition: Partition) -> None:
    while partition.step():
        pass


def _took(what: str, number: int, work: Callable[[], object]) -> str:
    usage = Usage(None)
    work()
    return f"{number:,} people: {usage.cpu_s() / number * 1e6:.1f} us of CPU for each {what}"


def _batches(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def _who(person: int) -> Identifier:
    return Identifier("anonymous_id", f"device-{person}")


def _events(codec: Codec, people: int, events: int) -> Iterator[Record]:
    encode = codec.encoder(Event)
    for number in range(people * events):
        who, at = (_who(number % people),), now_ms()
        event = Event("main", "bench", f"met-{number}", "page", "Home", at, None, at, who, ordinal=at, definitions=1)
        key = profile_key("main", default_profile_id(NAMESPACE, who[0]))
        yield Record(EVENTS_RESOLVED, 0, number, key, encode(event))


def _seeds(partition: Partition, people: int, version: int, is_shuffled: bool) -> Iterator[Record]:
    """Make a seed for each person: one or two views within the last 30 days."""
    encode, key, now = partition.codec.encoder(ProfileCommand), partition.seeded_key(version), now_ms()
    numbers = list(range(people))
    if is_shuffled:
        random.Random(1).shuffle(numbers)
    else:
        numbers.sort(key=lambda number: default_profile_id(NAMESPACE, _who(number)))
    for number in numbers:
        profile_id = default_profile_id(NAMESPACE, _who(number))
        times = [now - days * DAY_MS + number for days in (20, 10)][number % 2 :]
        seed = Seed(version, ATTEMPT, profile_id, 0, 1, {key: encode_state(Times(times))})
        command = ProfileCommand.of("main", profile_id, seed)
        yield Record(PROFILE_COMMANDS, 0, number, profile_key("main", profile_id), encode(command))


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.backfill", description=__doc__)
    arguments.add_argument("--people", type=int, default=50_000, help="profiles (default 50,000)")
    arguments.add_argument("--events", type=int, default=1, help="events of each before (default 1)")
    arguments.add_argument("--shuffled", action="store_true", help="seeds in a random order")
    chosen = arguments.parse_args()
    tune_memory()  # as the worker does
    for line in measure(chosen.people, chosen.events, chosen.shuffled):
        print(line, flush=True)


if __name__ == "__main__":
    main()
