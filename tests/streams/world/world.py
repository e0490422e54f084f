"""Topics, partitions, stores and the real stages; a step folds a few records of one partition, as a transaction does.

The rebuilder here keeps to the protocol of docs/decisions/0009 step by step, over the same logs; the real one reads
Kafka and ClickHouse. What the sink would write is taken from the logs.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from random import Random
from zlib import crc32

import msgspec

from definitions import Program
from identity.ledger import Component, Ledger
from identity.rules import IdentityRules
from jobs.rebuild.claims import Claims
from schemas.changes import asks_for_rebuild
from schemas.codec import Codec
from schemas.identity import identifier_key, profile_key
from schemas.records import (
    Advance,
    Claimant,
    Event,
    Identifier,
    IdentityChange,
    IdentityRequest,
    Profile,
    ProfileCommand,
    Replay,
    SegmentChange,
    Session,
)
from schemas.topics import (
    EVENTS,
    EVENTS_DEAD,
    EVENTS_RESOLVED,
    IDENTITY_CHANGES,
    IDENTITY_REQUESTS,
    IDENTITY_ROUTES,
    PROFILE_COMMANDS,
    PROFILES,
    SEGMENTS,
    SESSIONS,
)
from settings import Source, Workspace
from streams.agents.graph import GraphStage
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage
from streams.phases import AnyStage, Received, Record, decode, fold
from streams.state.store import META
from streams.state.view import StateView
from tests.schemas.fixed import FixedSchemas

WORKSPACE = "main"
NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
NOW = 1_800_000_000_000
ROUNDS = 4  # of commands that a stale event can cause, one after the other

Place = tuple[str, int]


class Table(dict[bytes, bytes]):
    """One partition's store of one stage."""

    def __init__(self, stage: AnyStage) -> None:
        super().__init__()
        self._deadline_of = stage.deadline_of

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:
        assert self._deadline_of is not None
        found = []
        for key, value in self.items():
            if key.startswith(f"{workspace}|".encode()) and not key.startswith(META):
                deadline = self._deadline_of(value)
                if deadline is not None and deadline <= until:
                    found.append((deadline, key))
        return [key for _, key in sorted(found)[:limit]]

    def put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


def workspaces() -> dict[str, Workspace]:
    """The only one, with two sources."""
    return {WORKSPACE: Workspace(WORKSPACE, NAMESPACE, "event", (Source("web", "k"), Source("crm", "c", 5)))}


class World:
    """`rebuilder`: whether splits are rebuilt; without it, profiles that came apart wait."""

    def __init__(self, partitions: int, random: Random, rules: IdentityRules, program: Program) -> None:
        self.random = random
        self.rules = rules
        self.codec = Codec(FixedSchemas())
        self._program = program
        self.stages = self._staged(rules)
        self.logs: dict[Place, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
        self._positions: dict[tuple[str, str, int], int] = defaultdict(int)
        self._tables = {(stage.name, at): Table(stage) for stage in self.stages for at in range(partitions)}
        self._partitions = partitions
        self._pace: dict[Place, int] = {}
        self._changes_read = 0
        self._job: Iterator[bool] | None = None
        self._encoders = {
            kind: self.codec.encoder(kind) for kind in (Event, IdentityRequest, ProfileCommand, IdentityChange)
        }
        self.replays = 0

    def _staged(self, rules: IdentityRules) -> tuple[AnyStage, ...]:
        return (
            ResolveStage(workspaces(), rules, self.codec),
            GraphStage(workspaces(), rules, self.codec),
            ProfileStage(workspaces(), self._program, rules, self.codec),
        )

    def restart(self, rules: IdentityRules) -> None:
        """The worker ends and begins anew, under other rules."""
        self.rules, self.stages = rules, self._staged(rules)

    # -- input

    def send(self, event: Event) -> None:
        self._append(EVENTS, identifier_key(WORKSPACE, event.identifiers[0]), event)

    def order(self, request: IdentityRequest) -> None:
        self._append(IDENTITY_REQUESTS, WORKSPACE.encode(), request)

    def advance(self, to: int) -> None:
        for partition in range(self._partitions):
            command = self._encoders[ProfileCommand](ProfileCommand.of(WORKSPACE, "", Advance(to=to)))
            self.logs[PROFILE_COMMANDS, partition].append((None, command))

    def _append(self, topic: str, key: bytes, record: msgspec.Struct) -> None:
        self.logs[topic, self._partition(key)].append((key, self._encoders[type(record)](record)))  # type: ignore[index]

    def _partition(self, key: bytes | None) -> int:
        return crc32(key or b"") % self._partitions

    # -- work

    steps = 0

    def step(self) -> bool:
        """Let one stage fold a few records, or the rebuilder do something; False when there is nothing to do."""
        choices = [
            (stage, topic, at) for stage in self.stages for topic in stage.topics for at in range(self._partitions)
            if self._positions[stage.name, topic, at] < len(self.logs[topic, at])
        ]  # fmt: skip
        if self._job is None and self._waiting_changes():
            self._job = self._rebuild()
        if self._job is not None and (not choices or self.random.random() < 0.3):
            if next(self._job, None) is None:
                self._job = None
            return True
        if not choices:
            return False
        # Some logs are far behind the others: what goes wrong only when a record is very late must show.
        paces = [self._pace.setdefault((topic, at), self.random.choice((1, 20, 400))) for _, topic, at in choices]
        stage, topic, at = self.random.choices(choices, paces)[0]
        self.steps += 1
        assert self.steps < 20_000, "records go in circles"
        self._fold(stage, topic, at)
        return True

    def run(self) -> None:
        while self.step():
            pass

    def _fold(self, stage: AnyStage, topic: str, at: int) -> None:
        begin = self._positions[stage.name, topic, at]
        end = min(len(self.logs[topic, at]), begin + self.random.choice((1, 1, 3, 50)))
        records = [Record(topic, at, n, *self.logs[topic, at][n]) for n in range(begin, end)]
        table = self._tables[stage.name, at]
        folded = fold(stage, decode(stage, Received(records, {topic: end}, NOW)), StateView(table)).effects
        for key, value in folded.view.changes.items():
            table.put(key, value)
        for output in folded.outputs:
            assert output.topic != EVENTS_DEAD, output
            self.logs[output.topic, self._partition(output.key)].append((output.key, output.value))
        self._positions[stage.name, topic, at] = end

    # -- the rebuilder

    def _read(self, topic: str, record: type[msgspec.Struct]) -> list[tuple[int, int, msgspec.Struct]]:
        return [
            (at, offset, self.codec.decode(record, value))
            for at in range(self._partitions)
            for offset, (_, value) in enumerate(self.logs[topic, at])
            if value is not None
        ]

    def changes(self) -> list[IdentityChange]:
        return [change for _, _, change in self._read(IDENTITY_CHANGES, IdentityChange)]  # type: ignore[misc]

    def _waiting_changes(self) -> list[IdentityChange]:
        return [change for change in self.changes()[self._changes_read :] if asks_for_rebuild(change)]

    def _ends(self, topic: str) -> dict[int, int]:
        return {at: len(self.logs[topic, at]) for at in range(self._partitions)}

    def _until_read(self, stage: str, topic: str, ends: Mapping[int, int]) -> Iterator[bool]:
        while any(self._positions[stage, topic, at] < end for at, end in ends.items()):
            yield True

    def _rebuild(self) -> Iterator[bool]:
        """One job, a step at a time; now and then it dies on the way, and the next one begins anew."""
        dies_after = self.random.choice((1_000_000, 1_000_000, 3, 8, 20))
        for number, _ in enumerate(self._rebuild_whole()):
            if number == dies_after:
                return
            yield True

    def _rebuild_whole(self) -> Iterator[bool]:
        read_until, changes = len(self.changes()), self._waiting_changes()
        yield from self.barrier()
        cut = self._cut
        claims: dict[str, tuple[int, Claimant]] = {}
        for change in changes:
            for claimant in change.claimants:
                claims[claimant.profile_id] = max(
                    (change.decision, claimant), claims.get(claimant.profile_id, (0, claimant)), key=lambda one: one[0]
                )
        for profile_id, (decision, claimant) in claims.items():
            for command in self._replays(profile_id, decision, claimant, cut):
                self._append(PROFILE_COMMANDS, profile_key(WORKSPACE, profile_id), command)
                yield True
        yield from self._until_read("profile", PROFILE_COMMANDS, self._ends(PROFILE_COMMANDS))
        self._changes_read = read_until

    def barrier(self) -> Iterator[bool]:
        routes, commands = self._ends(IDENTITY_ROUTES), self._ends(PROFILE_COMMANDS)
        yield from self._until_read("resolve", IDENTITY_ROUTES, routes)
        yield from self._until_read("profile", PROFILE_COMMANDS, commands)
        self._cut = self._ends(EVENTS_RESOLVED)
        yield from self._until_read("profile", EVENTS_RESOLVED, self._cut)
        for _ in range(ROUNDS):
            yield from self._until_read("profile", PROFILE_COMMANDS, self._ends(PROFILE_COMMANDS))

    def _replays(
        self, profile_id: str, decision: int, claimant: Claimant, cut: Mapping[int, int]
    ) -> list[ProfileCommand]:
        claims = Claims(claimant.claims)
        first: dict[str, tuple[int, int, Event]] = {}
        for at, offset, event in self._read(EVENTS_RESOLVED, Event):
            assert isinstance(event, Event)
            if event.message_id not in first or (offset, at) < (first[event.message_id][1], first[event.message_id][0]):
                first[event.message_id] = (at, offset, event)
        events = sorted(
            (
                event
                for at, offset, event in first.values()
                if offset < cut[at] and claims.hold(event.identifiers[0], event.occurred_at)
            ),
            key=lambda event: event.occurred_at,
        )
        size = self.random.choice((1, 3, 100))
        chunks = [events[start : start + size] for start in range(0, len(events), size)] or [[]]
        sessions = [one.session_id for one in self.sessions().values() if one.profile_id == profile_id]
        self.replays += 1
        versions = [one.version for one in self.sessions().values() if one.profile_id == profile_id]
        return [
            ProfileCommand.of(
                WORKSPACE,
                profile_id,
                Replay(
                    decision,
                    attempt=f"{self.replays:06}",
                    chunk=number,
                    last=number == len(chunks) - 1,
                    version=max(versions, default=0),
                    events=tuple(map(self._encoders[Event], chunk)),
                    sessions=tuple(sessions[number :: len(chunks)]),
                ),
            )
            for number, chunk in enumerate(chunks)
        ]

    # -- what came of it

    def profiles(self) -> dict[str, Profile]:
        """Of each profile the record of the highest version, without what was merged or deleted."""
        last: dict[str, Profile] = {}
        for _, _, profile in self._read(PROFILES, Profile):
            assert isinstance(profile, Profile)
            if profile.profile_id not in last or profile.version >= last[profile.profile_id].version:
                last[profile.profile_id] = profile
        return {one: profile for one, profile in last.items() if profile.merged_into is None and not profile.deleted}

    def sessions(self) -> dict[str, Session]:
        """Of each session the record of the highest version, without those that were retracted."""
        last: dict[str, Session] = {}
        for _, _, session in self._read(SESSIONS, Session):
            assert isinstance(session, Session)
            if session.session_id not in last or session.version >= last[session.session_id].version:
                last[session.session_id] = session
        return {one: session for one, session in last.items() if session.status != "retracted"}

    def segment_changes(self) -> list[SegmentChange]:
        """In the order of each profile."""
        return [change for _, _, change in self._read(SEGMENTS, SegmentChange)]  # type: ignore[misc]

    def component(self, identifier: Identifier) -> Component:
        """What GRAPH has."""
        return self.graph.components.of(identifier)

    @property
    def graph(self) -> Ledger:
        """GRAPH's store."""
        return Ledger(self._tables["graph", self._partition(WORKSPACE.encode())], WORKSPACE, self.rules.rank)
