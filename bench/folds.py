"""The bare folds in one process, on a real store: what RESOLVE and PROFILE cost before anything is committed."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import definitions
from bench.workload import events
from schemas.codec import Codec
from schemas.identity import identifier_key
from schemas.records import Event
from schemas.registry import Registry
from schemas.topics import EVENTS, EVENTS_RESOLVED
from settings import Settings
from streams.agents.profile import ProfileStage
from streams.agents.resolve import ResolveStage
from streams.phases import Output, Received, Record, Stage
from streams.state.store import Store
from streams.state.view import StateView

BATCH = 2_500


class Cost(NamedTuple):
    """Of one stage over `events` events."""

    what: str
    events: int
    cpu_s: float


def measure(settings: Settings, count: int, people: int) -> list[Cost]:
    """Decode alone, then RESOLVE, then PROFILE on what RESOLVE put out."""
    codec = Codec(Registry(settings.registry))
    encode = codec.encoder(Event)
    records = [
        Record(EVENTS, 0, number, identifier_key(made.workspace, made.identifiers[0]), encode(made))
        for number, made in enumerate(events(count, people))
    ]
    program = definitions.compile_program(definitions.load(settings.definitions))
    started = time.process_time()
    for record in records:
        codec.decode(Event, record.value)
    costs = [Cost("decode only (limit)", count, time.process_time() - started)]
    resolved, cost = run_stage(ResolveStage(settings.workspaces, codec), records)
    costs.append(cost)
    routed = [
        Record(EVENTS_RESOLVED, 0, number, output.key, output.value)
        for number, output in enumerate(resolved)
        if output.topic == EVENTS_RESOLVED
    ]
    _, cost = run_stage(ProfileStage(settings.workspaces, program, codec), routed)
    return [*costs, cost]


def run_stage(stage: Stage, records: Sequence[Record]) -> tuple[list[Output], Cost]:
    """The outputs of one stage over records of one partition, in batches of `BATCH`."""
    outputs: list[Output] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / stage.table, stage.deadline_of)
        started = time.process_time()
        for at in range(0, len(records), BATCH):
            view = StateView(store)
            now = time.time_ns() // 1_000_000
            folded = stage.fold(Received(records[at : at + BATCH], {}, now), view)
            store.write(view.changes, view.stored, at)
            outputs += folded.outputs
        cpu_s = time.process_time() - started
        store.close()
    return outputs, Cost(f"{stage.name.upper()} fold and store", len(records), cpu_s)
