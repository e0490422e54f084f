"""The stages in this process, without Kafka: what a fold costs before anything is committed, and what it builds on."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import definitions
from bench.workload import Workload
from onefold.examples import SHOP
from runtime.clock import now_ms
from schemas.codec import Codec
from schemas.identity import identifier_key
from schemas.records import Event
from schemas.registry import Registry
from schemas.topics import EVENTS, EVENTS_RESOLVED
from settings import Settings
from state.outputs import Output
from state.store import StateStore
from state.view import StateView
from streams.adoption import unchanging
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage
from streams.phases import AnyStage, Received, Record, decode, fold

BATCH = 2_500


class Cost(NamedTuple):
    """What one step over `events` events takes."""

    what: str
    events: int
    cpu_s: float


def measure(settings: Settings, workload: Workload, count: int, people: int) -> list[Cost]:
    """Measure decoding, RESOLVE, and PROFILE on RESOLVE's outputs, with a store in memory and with the real one."""
    codec = Codec(Registry(settings.registry))
    encode = codec.encoder(Event)
    records = [
        Record(EVENTS, 0, number, identifier_key(made.workspace, made.identifiers[0]), encode(made))
        for number, made in enumerate(workload.events(count, people))
    ]
    defined = definitions.load(SHOP)
    program = definitions.compile_program(defined)
    started = time.process_time()
    for record in records:
        codec.decode(Event, record.value)
    decoded = Cost("limit: decode", count, time.process_time() - started)
    resolved, resolve_cost = run_stage(ResolveStage(settings.workspaces, defined.identity, codec, lambda _: 0), records)
    routed = [
        Record(EVENTS_RESOLVED, 0, number, output.key, output.value)
        for number, output in enumerate(resolved)
        if output.topic == EVENTS_RESOLVED
    ]
    profile = ProfileStage(settings.workspaces, unchanging(program, settings.workspaces), defined.identity, codec)
    _, cost = run_stage(profile, routed, InMemory())
    in_memory = Cost("limit: PROFILE's fold, states in memory", count, cost.cpu_s)
    return [decoded, in_memory, resolve_cost, run_stage(profile, routed)[1]]


def run_stage(stage: AnyStage, records: Sequence[Record], store: "InMemory | None" = None) -> tuple[list[Output], Cost]:
    """Run one stage over records of one partition, in batches of `BATCH`; by default on a store on disk."""
    outputs: list[Output] = []
    with tempfile.TemporaryDirectory() as folder:
        used = store or StateStore(Path(folder) / stage.table, stage.deadline_of)
        started = time.process_time()
        for start in range(0, len(records), BATCH):
            view = StateView(used)
            now = now_ms()
            folded = fold(stage, decode(stage, Received(records[start : start + BATCH], {}, now)), view).effects
            used.write(view.changes, view.stored, start)
            outputs += folded.outputs
        cpu_s = time.process_time() - started
        if isinstance(used, StateStore):
            used.close()
    return outputs, Cost(f"{stage.name.upper()}'s fold and store, no Kafka", len(records), cpu_s)


class InMemory:
    """What a stage reads and writes in a store, by a dict; without an index of deadlines, so nothing is ever due."""

    def __init__(self) -> None:
        self._states: dict[bytes, bytes | None] = {}

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return [self._states.get(key) for key in keys]

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:  # noqa: ARG002 - the store's signature
        return []

    def after(self, key: bytes, limit: int) -> list[bytes]:
        return sorted(each for each in self._states if each > key)[:limit]

    def range(self, prefix: bytes) -> list[bytes]:
        return sorted(key for key in self._states if key.startswith(prefix))

    def write(self, changes: Mapping[bytes, bytes | None], before: object, offset: int) -> None:  # noqa: ARG002
        self._states.update(changes)
