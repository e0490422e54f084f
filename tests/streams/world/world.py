"""Topics, partitions, stores and the real stages; a step folds a few records of one partition, as a transaction does.

The rebuilder is the shipped one, see `rebuilding`. What the sink would write is taken from the logs.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from copy import copy
from random import Random
from typing import Self
from zlib import crc32

import msgspec

from definitions import Program
from identity.ledger import Component, Ledger
from identity.rules import IdentityRules
from runtime.kafka.deliveries import RecordPosition
from schemas.codec import Codec
from schemas.dead_letters import dead_id
from schemas.identity import default_profile_id, device_profile_id, identifier_key, profile_key
from schemas.records import (
    Advance,
    Event,
    Identifier,
    IdentityChange,
    IdentityRequest,
    Profile,
    ProfileCommand,
    Repetition,
    Replay,
    SegmentChange,
    Session,
)
from schemas.topics import (
    DEFINITIONS,
    EVENTS,
    EVENTS_DEAD,
    EVENTS_REPEATED,
    EVENTS_RESOLVED,
    IDENTITY_CHANGES,
    IDENTITY_REQUESTS,
    PROFILE_COMMANDS,
    PROFILES,
    SEGMENTS,
    SESSIONS,
)
from settings import Clock, Source, Workspace
from state.outputs import Output
from state.store import META
from state.view import StateView
from streams.adoption import unchanging
from streams.agents.graph import GraphStage
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage
from streams.arrivals import ReadArrivals
from streams.metrics import Tally
from streams.phases import AnyStage, Received, Record, decode, fold
from tests.schemas.fixed import FixedSchemas
from tests.streams.world.rebuilding import EventKey, WorldRebuilder, event_key

WORKSPACE = "main"
NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
NOW = 1_800_000_000_000

WRITTEN = (EVENTS_RESOLVED, EVENTS_REPEATED, PROFILES, SESSIONS, IDENTITY_CHANGES)

TopicPartition = tuple[str, int]
Reading = tuple[AnyStage, str, int]
"""A stage, and the topic and partition of which it reads next."""


class Table(dict[bytes, bytes]):
    """One partition's store of one stage."""

    def __init__(self, stage: AnyStage) -> None:
        super().__init__()
        self._deadline_of = stage.deadline_of

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:
        assert self._deadline_of is not None
        due_keys = []
        for key, value in self.items():
            if key.startswith(f"{workspace}|".encode()) and not key.startswith(META):
                deadline = self._deadline_of(value)
                if deadline is not None and deadline <= until:
                    due_keys.append((deadline, key))
        return [key for _, key in sorted(due_keys)[:limit]]

    def after(self, key: bytes, limit: int) -> list[bytes]:
        return sorted(each for each in self if each > key)[:limit]

    def range(self, prefix: bytes) -> list[bytes]:
        return sorted(key for key in self if key.startswith(prefix))

    def put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


def workspaces(clock: Clock = "event") -> dict[str, Workspace]:
    """The only one, with two sources."""
    return {WORKSPACE: Workspace(WORKSPACE, NAMESPACE, clock, (Source("web", "k"), Source("crm", "c", 5)))}


def _age(repetition: Repetition) -> tuple[int, int]:
    return repetition.decision, repetition.version


class World:
    """One installation with one workspace. `now`: the system's time in ms; it stands still between steps."""

    def __init__(
        self, partitions: int, random: Random, rules: IdentityRules, program: Program, clock: Clock = "event"
    ) -> None:
        self.random = random
        self.rules = rules
        self.codec = Codec(FixedSchemas())
        self._decoded: dict[tuple[type[msgspec.Struct], bytes], msgspec.Struct] = {}
        self.now = NOW
        self._arrivals: ReadArrivals | None = None
        self._clock: Clock = clock
        self._adopt = unchanging(program, workspaces())
        self.stages = self._staged(rules)
        self.logs: dict[TopicPartition, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
        self._positions: dict[tuple[str, str, int], int] = defaultdict(int)
        self._tables = {(stage.name, at): Table(stage) for stage in self.stages for at in range(partitions)}
        self.partitions = partitions
        self.damaged: set[str] = set()  # the profiles whose replays and states arrive so that nobody can decode them
        self.dead: set[bytes] = set()
        self.is_sink_late = False  # else it writes whatever there is at once
        self.tally: Tally = Tally()  # what the last step counted
        self.moved = False  # whether the last step led to anything
        self._pace: dict[TopicPartition, int] = {}
        self.rebuilder = WorldRebuilder(self, workspaces())
        self._encoders = {
            kind: self.codec.encoder(kind) for kind in (Event, IdentityRequest, ProfileCommand, IdentityChange)
        }

    def _staged(self, rules: IdentityRules) -> tuple[AnyStage, ...]:
        return (
            ResolveStage(workspaces(self._clock), rules, self.codec, self._partition),
            GraphStage(workspaces(self._clock), rules, self.codec),
            ProfileStage(workspaces(self._clock), self._adopt, rules, self.codec, read_to=self._read_to),
        )

    def look(self) -> None:
        """Look how far RESOLVE has come with what has arrived, as a worker does again and again."""
        self._arrivals = self._arrivals or ReadArrivals()
        parts = range(self.partitions)
        self._arrivals.note(self.now, {(EVENTS, at): self.end(EVENTS, at) for at in parts})
        resolved_to = self._arrivals.newest_resolved(
            {(EVENTS, at): self.position("resolve", EVENTS, at) for at in parts}
        )
        if resolved_to is not None:
            ends = {(EVENTS_RESOLVED, at): self.end(EVENTS_RESOLVED, at) for at in parts}
            self._arrivals.note_resolved(resolved_to, ends)

    def _read_to(self, at: int) -> int | None:
        """Return how far PROFILE has read what has arrived; unknown where nobody looks."""
        if self._arrivals is None:
            return None
        return self._arrivals.read_to((EVENTS_RESOLVED, at), self.position("profile", EVENTS_RESOLVED, at))

    def restart(self, rules: IdentityRules) -> None:
        """The worker ends and begins anew, under other rules."""
        self.rules, self.stages = rules, self._staged(rules)

    # -- input

    def send(self, event: Event) -> None:
        """Send an event as collector and importer do."""
        admitted = msgspec.structs.replace(event, ordinal=event.ordinal or 1)
        self._append(EVENTS, identifier_key(WORKSPACE, admitted.identifiers[0]), admitted)

    def produce(self, event: Event, key: bytes | None) -> None:
        """Send an event as any producer does, with a key of its own."""
        self.logs[EVENTS, self._partition(key)].append((key, self._encoders[Event](event)))

    def request(self, request: IdentityRequest) -> None:
        self._append(IDENTITY_REQUESTS, WORKSPACE.encode(), request)

    def advance(self, to: int) -> None:
        for partition in range(self.partitions):
            command = self._encoders[ProfileCommand](ProfileCommand.of(WORKSPACE, "", Advance(to=to)))
            self.logs[PROFILE_COMMANDS, partition].append((None, command))

    @property
    def written(self) -> "World":
        """The world as the sink has written it so far."""
        other = copy(self)
        other.logs = defaultdict(
            list, {position: log[: self.written_until(*position)] for position, log in self.logs.items()}
        )
        return other

    def written_until(self, topic: str, partition: int) -> int:
        """How far the sink has come."""
        return self._positions["sink", topic, partition] if self.is_sink_late else self.end(topic, partition)

    def _append(self, topic: str, key: bytes, record: msgspec.Struct) -> None:
        self.logs[topic, self._partition(key)].append((key, self._encoders[type(record)](record)))  # type: ignore[index]

    def _partition(self, key: bytes | None) -> int:
        return crc32(key or b"") % self.partitions

    # -- work

    steps = 0

    def unread(self) -> list[Reading]:
        """What there is to read."""
        return [
            (stage, topic, at) for stage in self.stages for topic in stage.topics for at in range(self.partitions)
            if self._positions[stage.name, topic, at] < len(self.logs[topic, at])
        ]  # fmt: skip

    def step(self) -> bool:
        """Let one stage fold a few records, or the rebuilder do something; False when there is nothing to do."""
        choices = self.unread()
        if self.is_sink_late and self.random.random() < (0.2 if choices else 0.5) and self.write():
            return True
        if self.rebuilder.has_work() and (not choices or self.random.random() < 0.3):
            self.rebuilder.step()
            return True
        if not choices:
            return self.is_sink_late and self.write()
        # Some logs are far behind the others: what goes wrong only when a record is very late must show.
        paces = [self._pace.setdefault((topic, at), self.random.choice((1, 20, 400))) for _, topic, at in choices]
        stage, topic, at = self.random.choices(choices, paces)[0]
        self.steps += 1
        assert self.steps < 20_000, "records go in circles"
        self.read(stage, topic, at, self.random.choice((1, 1, 3, 50)))
        return True

    def run(self) -> None:
        while self.step():
            pass

    def read(self, stage: AnyStage, topic: str, at: int, records: int) -> None:
        """Let a stage fold so many records of a partition, or as many as there are."""
        begin = self._positions[stage.name, topic, at]
        end = min(len(self.logs[topic, at]), begin + records)
        self._fold(stage, at, [Record(topic, at, n, *self.logs[topic, at][n]) for n in range(begin, end)])
        self._positions[stage.name, topic, at] = end

    def pass_time(self, ms: int) -> None:
        """Let the system's time pass, and what is due happen."""
        self.now += ms
        profile = self.stages[-1]
        for at in range(self.partitions):
            while self._fold(profile, at, []):
                pass

    def _fold(self, stage: AnyStage, at: int, batch: list[Record]) -> bool:
        """Fold records of a partition; True if another sweep must follow."""
        table = self._tables[stage.name, at]
        received = Received(batch, {}, self.now, partition=at)
        folded = fold(stage, decode(stage, received), StateView(table)).effects
        self.tally, self.moved = folded.tally, bool(folded.outputs or folded.view.changes)
        for key, value in folded.view.changes.items():
            table.put(key, value)
        for output in folded.outputs:
            if output.topic == EVENTS_DEAD:
                assert output.key, output
                assert self.damaged, output
                self.dead.add(output.key)
            at = 0 if output.topic == DEFINITIONS else self._partition(output.key)
            self.logs[output.topic, at].append((output.key, self._sent(output)))
        return folded.more

    def write(self) -> bool:
        """Let the sink write a few records of a topic; False when it has written all."""
        unwritten = [
            position
            for position, log in self.logs.items()
            if position[0] in WRITTEN and len(log) > self.written_until(*position)
        ]
        if unwritten:
            topic, at = self.random.choice(unwritten)
            until = self.written_until(topic, at) + self.random.choice((1, 3, 50))
            self._positions["sink", topic, at] = min(until, self.end(topic, at))
        return bool(unwritten)

    def _sent(self, output: Output) -> bytes | None:
        if output.topic != PROFILE_COMMANDS or not self.damaged:
            return output.value
        command = self.codec.decode(ProfileCommand, output.value)
        if command.absorb is None or command.profile_id not in self.damaged:
            return output.value
        absorb = msgspec.structs.replace(command.absorb, state=b"no state")
        return self._encoders[ProfileCommand](ProfileCommand.of(command.workspace, command.profile_id, absorb))

    def close(self) -> None:
        """End a rebuilder that is at work."""
        self.rebuilder.close()

    def copy(self) -> Self:
        """Another world in the same state, without a rebuilder at work."""
        other = copy(self)
        other.logs = defaultdict(list, {key: [*log] for key, log in self.logs.items()})
        other._positions = defaultdict(int, self._positions)
        other._tables = {key: copy(table) for key, table in self._tables.items()}
        other.rebuilder = self.rebuilder.copy(other)
        return other

    def state(self) -> int:
        """A hash of all that decides how the world goes on."""
        logs = frozenset((key, tuple(log)) for key, log in self.logs.items() if log)
        positions = frozenset(item for item in self._positions.items() if item[1])
        tables = frozenset((key, frozenset(table.items())) for key, table in self._tables.items())
        return hash((logs, positions, tables, self.rebuilder.state()))

    # -- what the rebuilder sees, see `rebuilding.Logs`

    def _read(self, topic: str, record: type[msgspec.Struct]) -> list[tuple[int, int, msgspec.Struct]]:
        return [
            (at, offset, self._decode(record, value))
            for at in range(self.partitions)
            for offset, (_, value) in enumerate(self.logs[topic, at])
            if value is not None
        ]

    def _decode(self, record: type[msgspec.Struct], value: bytes) -> msgspec.Struct:
        """Decode a value of a log, once: logs are read again at every step."""
        key = record, value
        if key not in self._decoded:
            self._decoded[key] = self.codec.decode(record, value)
        return self._decoded[key]

    def changes(self) -> list[IdentityChange]:
        return [change for _, _, change in self._read(IDENTITY_CHANGES, IdentityChange)]  # type: ignore[misc]

    def is_dead(self, command: RecordPosition) -> bool:
        return dead_id(PROFILE_COMMANDS, *command, "profile").encode() in self.dead

    def end(self, topic: str, partition: int) -> int:
        return len(self.logs[topic, partition])

    def position(self, stage: str, topic: str, partition: int) -> int:
        return self._positions[stage, topic, partition]

    def resolved(self) -> list[tuple[int, int, Event, bytes]]:
        return [
            (partition, offset, self._decode(Event, value), value)  # type: ignore[misc]
            for partition in range(self.partitions)
            for offset, (_, value) in enumerate(self.logs[EVENTS_RESOLVED, partition])
            if value is not None
        ]

    def repeated(self) -> dict[EventKey, bool]:
        last: dict[EventKey, Repetition] = {}
        for _, _, repetition in self._read(EVENTS_REPEATED, Repetition):
            assert isinstance(repetition, Repetition)
            key = event_key(self._decode(Event, repetition.event))  # type: ignore[arg-type]
            if key not in last or _age(repetition) >= _age(last[key]):
                last[key] = repetition
        return {key: repetition.is_repeated for key, repetition in last.items()}

    def counted(self) -> Counter[str]:
        """How many events with each message id the warehouse shows."""
        repeated, keys = self.repeated(), {event_key(event) for _, _, event, _ in self.resolved()}
        return Counter(key[1] for key in keys if not repeated.get(key, False))

    def published_profiles(self) -> list[Profile]:
        return [profile for _, _, profile in self._read(PROFILES, Profile)]  # type: ignore[misc]

    def command(self, command: ProfileCommand) -> RecordPosition:
        key = profile_key(command.workspace, command.profile_id) if command.profile_id else None
        if isinstance(command.command, Replay):  # whose attempt ends at random: no two runs would be alike
            attempt = command.command.attempt.rpartition("-")[0]
            replay = msgspec.structs.replace(command.command, attempt=attempt)
            command = ProfileCommand.of(command.workspace, command.profile_id, replay)
        if command.profile_id in self.damaged and isinstance(command.command, Replay):
            damaged = msgspec.structs.replace(command.command, events=(b"no event",))
            command = ProfileCommand.of(command.workspace, command.profile_id, damaged)
        partition = self._partition(key) if key else 0
        self.logs[PROFILE_COMMANDS, partition].append((key, self._encoders[ProfileCommand](command)))
        return RecordPosition(partition, len(self.logs[PROFILE_COMMANDS, partition]) - 1)

    def publish(self, change: IdentityChange) -> None:
        change = msgspec.structs.replace(change, occurred_at=NOW, milliseconds=0)  # no two runs would be alike
        self._append(IDENTITY_CHANGES, change.workspace.encode(), change)

    # -- what came of it

    def profiles(self) -> dict[str, Profile]:
        """Of each profile the record of the highest version, without what was merged or deleted."""
        last: dict[str, Profile] = {}
        for _, _, profile in self._read(PROFILES, Profile):
            assert isinstance(profile, Profile)
            if profile.profile_id not in last or profile.version >= last[profile.profile_id].version:
                last[profile.profile_id] = profile
        return {
            profile_id: profile
            for profile_id, profile in last.items()
            if profile.merged_into is None and not profile.deleted
        }

    def published_sessions(self) -> list[Session]:
        return [session for _, _, session in self._read(SESSIONS, Session)]  # type: ignore[misc]

    def sessions(self) -> dict[str, Session]:
        """Of each session the record of the highest version, without those that were retracted."""
        last: dict[str, Session] = {}
        for session in self.published_sessions():
            if session.session_id not in last or session.version >= last[session.session_id].version:
                last[session.session_id] = session
        return {session_id: session for session_id, session in last.items() if session.status != "retracted"}

    def segment_changes(self) -> list[SegmentChange]:
        """In the order of each profile."""
        return [change for _, _, change in self._read(SEGMENTS, SegmentChange)]  # type: ignore[misc]

    def stored(self, table: str) -> dict[bytes, list[bytes]]:
        """What the partitions of a table have under each key."""
        values: dict[bytes, list[bytes]] = defaultdict(list)
        for partition in range(self.partitions):
            for key, value in self._tables[table, partition].items():
                values[key].append(value)
        return values

    def entry_partitions(self) -> dict[bytes, list[int]]:
        """In which partitions of RESOLVE's table each entry lies; what a partition says of itself is none."""
        lying: dict[bytes, list[int]] = defaultdict(list)
        for partition in range(self.partitions):
            for key in self._tables["resolve", partition]:
                if not key.startswith(META):
                    lying[key].append(partition)
        return lying

    def component(self, identifier: Identifier) -> Component:
        """What GRAPH has."""
        return self.graph.components.of(identifier)

    def shared(self, identifiers: Iterable[Identifier]) -> set[Identifier]:
        """Those that GRAPH has found to be shared devices."""
        return {identifier for identifier in identifiers if self.graph.devices.is_shared(identifier)}

    def profile_id(self, identifier: Identifier) -> str:
        """The profile that an identifier belongs to now."""
        canonical = self.component(identifier).canonical
        return (device_profile_id if self.shared([canonical]) else default_profile_id)(NAMESPACE, canonical)

    @property
    def graph(self) -> Ledger:
        """GRAPH's store."""
        return Ledger(self._tables["graph", self._partition(WORKSPACE.encode())], WORKSPACE, self.rules.rank)
