"""A world whose definitions change: tasks hear of sets late, each by itself; the rebuilder's process back-fills them.

The past is what the sink would have written, computed in plain Python; that SQL computes the same is for
`tests/warehouse`.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from random import Random
from typing import cast

import msgspec

from definitions import Definitions, compile_program
from definitions.model import Call
from definitions.sets import BackfillAttempt, BackfillProgress, Completion, DefinitionSet, Publication, next_set
from definitions.sets.publication import attempt_record, completion_record, published_by, set_record
from definitions.streaming.accumulators import OpenParts, compile_accumulator
from definitions.streaming.states import AnyState, EventOrder, encode_state
from identity.rules import IdentityRules
from jobs.backfill.attempts import begun, ended
from jobs.backfill.backfill import Backfill
from jobs.backfill.protocols import AddressedSeed, RefusedSeeds, Wanted
from jobs.backfill.wanted import wanted
from jobs.barrier import Barrier
from runtime.kafka.offsets import Partition
from schemas.identity import kind_of
from schemas.records import Event, ProfileCommand
from schemas.topics import DEFINITIONS, PROFILE_COMMANDS
from streams.adoption import Adopted, Compiler
from streams.agents.graph import GraphStage
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage
from streams.fold.moment import BEGINNING
from streams.phases import AnyStage, NotYet, Record
from tests.streams.world.rebuilding import Logs, WorldRebuilder
from tests.streams.world.warehouse import current, written
from tests.streams.world.world import WORKSPACE, World, workspaces


class DefinedWorld(World):
    """`newest`: the set that was applied last."""

    def __init__(self, partitions: int, random: Random, rules: IdentityRules) -> None:
        self._compiler = Compiler([WORKSPACE], partitions)
        self._known: dict[int, Adopted] = {}
        self._heard: dict[tuple[str, int], int] = {}
        self._adopted = self._compiler.adopted(Publication())
        self._published = (0, Publication())  # by so many records
        super().__init__(partitions, random, rules, compile_program(Definitions()))
        self.rebuilder = BackfillingRebuilder(self)

    def _staged(self, rules: IdentityRules) -> tuple[AnyStage, ...]:
        return (
            ResolveStage(workspaces(), rules, self.codec, self._partition, lambda: self._adopted.version),
            GraphStage(workspaces(), rules, self.codec),
            ProfileStage(workspaces(), lambda: self._adopted, rules, self.codec),
        )

    @property
    def publication(self) -> Publication:
        """All that the topic of definitions says."""
        log = self.logs[DEFINITIONS, 0]
        records, publication = self._published if self._published[0] <= len(log) else (0, Publication())
        for key, value in log[records:]:
            publication = publication.with_record(key, value)
        self._published = len(log), publication
        return publication

    @property
    def newest(self) -> DefinitionSet | None:
        return self.publication.newest

    def apply(self, definitions: Definitions) -> None:
        """Apply the next set."""
        self.logs[DEFINITIONS, 0].append(set_record(next_set(self.newest, definitions, {}, 0, "")))

    def step(self) -> bool:
        """Do something; when there is nothing else, what tasks do without a record."""
        if self.random.random() < 0.1:
            stage, at = self.random.choice((self.stages[0], self.stages[2])), self.random.randrange(self.partitions)
            self._hear(stage, at, 1)
            self._fold(stage, at, [])
        return super().step() or self._idle()

    def read(self, stage: AnyStage, topic: str, at: int, records: int) -> None:
        try:
            super().read(stage, topic, at, records)
        except NotYet:
            self._hear(stage, at, 1)

    def _fold(self, stage: AnyStage, at: int, batch: list[Record]) -> bool:
        heard = self._heard.get((stage.name, at), 0)
        if heard not in self._known:
            adopted = self._compiler.adopted(published_by(self.logs[DEFINITIONS, 0][:heard]))
            self._known[heard] = msgspec.structs.replace(adopted, is_beginning=False, as_of=0.0)
        self._adopted = self._known[heard]
        return super()._fold(stage, at, batch)

    def _hear(self, stage: AnyStage, at: int, records: int) -> None:
        heard = self._heard.get((stage.name, at), 0)
        self._heard[stage.name, at] = min(heard + records, len(self.logs[DEFINITIONS, 0]))

    def _idle(self) -> bool:
        moved = False
        for stage in (self.stages[0], self.stages[2]):
            for at in range(self.partitions):
                self._hear(stage, at, len(self.logs[DEFINITIONS, 0]))
                self._fold(stage, at, [])
                moved |= self.moved
        return moved or self.rebuilder.has_work()


class BackfillingRebuilder(WorldRebuilder):
    """Back-fills what is wanted after each rebuild, or without one."""

    def __init__(self, world: DefinedWorld) -> None:
        super().__init__(cast("Logs", world), workspaces())
        self._world = world
        self._last_answer = (Publication(), False)
        self.backfills = 0

    def has_work(self) -> bool:
        return super().has_work() or self._lacks()

    def _lacks(self) -> bool:
        publication = self._world.publication
        if publication is not self._last_answer[0]:
            self._last_answer = publication, self._has_wants(publication)
        return self._last_answer[1]

    def _has_wants(self, publication: Publication) -> bool:
        partitions = self._world.partitions
        newest = publication.newest
        if newest is None or publication.stamped_everywhere(partitions) < newest.version:
            return False
        return bool(wanted(newest, WORKSPACE, publication.complete_to(WORKSPACE, partitions)))

    def complete_to(self, workspace: str) -> int:
        return self._world.publication.complete_to(workspace, self._world.partitions)

    def after_rebuilding(self, token: int, barrier: Barrier) -> None:
        assert self._work is not None
        source = _Source(self._world, self._work.pause)
        backfill = Backfill(source, source, source, barrier, self._world.partitions, threading.Event())
        before = self._world.publication.completions
        backfill.run({WORKSPACE: self._changes_done}, token, {change.workspace for change in self.postponed})
        self.backfills += before != self._world.publication.completions


class _Source:
    """The warehouse, the commands and the topic of a back-fill."""

    def __init__(self, world: DefinedWorld, pause: Callable[[], None]) -> None:
        self._world = world
        self._pause = pause

    def states(self, wanted: Wanted) -> Iterator[tuple[str, Mapping[str, bytes]]]:
        accumulators = [compile_accumulator(planned, wanted.born) for planned in wanted.accumulators]
        found: dict[str, dict[str, AnyState]] = {}
        for profile_id, row in current(written(self._world.codec, self._world.written.logs)):
            event = self._world.codec.decode(Event, row["body_bytes"])
            assert event.definitions == row["definitions"]
            if kind_of(profile_id) != wanted.kind or event.definitions >= wanted.born:
                continue
            for accumulator in accumulators:
                parts = OpenParts(event)
                if not _is_called(accumulator.planned.events.calls, event) or not accumulator.matches(parts):
                    continue
                value = None if accumulator.value is None else accumulator.value(parts)
                if accumulator.value is not None and value is None:
                    continue
                states = found.setdefault(profile_id, {})
                state = states.setdefault(accumulator.planned.id, accumulator.new_state())
                state.add(EventOrder(event.occurred_at, event.ordinal, event.message_id), value)
                state.trim(accumulator.planned, BEGINNING)
        listed = list(found.items())
        self._world.random.shuffle(listed)
        for profile_id, states in listed:
            yield profile_id, {identity: encode_state(state) for identity, state in states.items()}

    def decided(self, workspace: str, position: int) -> int:
        assert workspace == WORKSPACE
        return max((change.decision for change in self._world.changes()[:position]), default=0)

    def begin(self) -> None:
        pass

    def send(self, seeds: Iterable[AddressedSeed]) -> Iterator[int]:
        for number, each in enumerate(seeds, start=1):
            self._world.command(ProfileCommand.of(each.workspace, each.profile_id, each.seed))
            self._pause()
            yield number

    def ends(self) -> Mapping[Partition, int]:
        ends = {(PROFILE_COMMANDS, at): self._world.end(PROFILE_COMMANDS, at) for at in range(self._world.partitions)}
        return {partition: end for partition, end in ends.items() if end}

    def refused(self, attempt: str) -> RefusedSeeds:  # noqa: ARG002 - none ever is
        return RefusedSeeds()

    def read(self) -> Publication:
        return self._world.publication

    def begin_attempt(self, workspace: str, token: int, begun_after: Completion | None) -> BackfillAttempt:
        attempt = begun(self.read(), workspace, token, begun_after)
        self._world.logs[DEFINITIONS, 0].append(attempt_record(workspace, attempt))
        return attempt

    def complete(self, workspace: str, attempt: BackfillAttempt, completion: Completion) -> None:
        completion = ended(self.read(), workspace, attempt, completion)
        self._world.logs[DEFINITIONS, 0].append(completion_record(workspace, completion))

    def progress(self, workspace: str, progress: BackfillProgress) -> None:
        pass


def _is_called(calls: Collection[Call], event: Event) -> bool:
    return not calls or any((call.type, call.name) == (event.type, event.event) for call in calls)
