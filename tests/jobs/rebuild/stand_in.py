"""The rebuilder as its own process, and a stand-in for the worker's side of the contract: no profile is folded here.

`StandInWorker` reads what the worker reads, in its group, commits as it goes, and keeps the commands it saw. Whether
real profiles end as they should is for the tests that run GRAPH and PROFILE.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from embedded.layout import free_ports
from embedded.stack import Stack
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.offsets import Offsets
from runtime.kafka.reading import read_to_end
from schemas import topics
from schemas.codec import Codec
from schemas.dead_letters import dead_id
from schemas.groups import REBUILDER
from schemas.identity import profile_key
from schemas.records import DeadLetter, Event, Identifier, IdentityChange, ProfileCommand, Replay
from schemas.registry import Registry
from streams.agents.profile.stage import ProfileStage
from tests.support.process import ModuleProcess

DEADLINE_S = 60.0
WORKER_TOPICS = (topics.IDENTITY_ROUTES, topics.EVENTS_RESOLVED, topics.PROFILE_COMMANDS)


def rebuilder_process(stack: Stack, folder: Path, **environment: str) -> ModuleProcess:
    """A rebuilder on a stack, but for what `environment` says."""
    port = free_ports(1)[0]
    settings = dict(stack.environment) | {"ONEFOLD_REBUILDER_METRICS_PORT": str(port)} | environment
    return ModuleProcess("jobs", environment=settings, log=folder / f"rebuilder-{port}.log", port=port)


class StandInWorker:
    """Reads what RESOLVE and PROFILE read, commits, and does nothing else; ends with the block."""

    def __init__(self, stack: Stack) -> None:
        self._codec = Codec(Registry(stack.settings.registry))
        self._offsets = Offsets(stack.settings.kafka)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.commands: list[ProfileCommand] = []
        self.refuses = ""  # a profile whose replays become dead letters
        self._producer = Producer(PRODUCER_CONFIG | {"bootstrap.servers": stack.settings.kafka})
        self._consumer = Consumer(
            {
                "bootstrap.servers": stack.settings.kafka,
                "group.id": topics.APP,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
            }
        )

    def __enter__(self) -> Self:
        # Assigned, not subscribed: waits for no rebalance of a group. Begins at the ends: of before, nobody asks.
        extents = self._offsets.extents(self._offsets.partitions(WORKER_TOPICS))
        places = [TopicPartition(topic, partition, extent.end) for (topic, partition), extent in extents.items()]
        self._consumer.assign(places)
        self._consumer.commit(offsets=places, asynchronous=False)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(DEADLINE_S)
        self._consumer.close()

    def replays(self, workspace: str, profile_id: str | None = None) -> list[Replay]:
        """The chunks that came for a workspace, or one profile of it, in order."""
        return [
            command.replay
            for command in list(self.commands)
            if command.workspace == workspace and profile_id in {None, command.profile_id} and command.replay
        ]

    def replayed_profiles(self, workspace: str) -> set[str]:
        """The profiles for which chunks came."""
        return {
            command.profile_id for command in list(self.commands) if command.workspace == workspace and command.replay
        }

    def _read(self) -> None:
        committed: list[int] = []
        while not self._stopping.is_set():
            for message in self._consumer.consume(500, 0.02):
                if message.error() is None and message.topic() == topics.PROFILE_COMMANDS:
                    command = self._codec.decode(ProfileCommand, message.value())
                    self.commands.append(command)
                    if command.replay and command.profile_id == self.refuses:
                        self._dead_letter(message)
            positions = [
                position for position in self._consumer.position(self._consumer.assignment()) if position.offset >= 0
            ]
            offsets = [position.offset for position in positions]
            if offsets != committed:
                self._consumer.commit(offsets=positions, asynchronous=False)
                committed = offsets

    def _dead_letter(self, message: Message) -> None:
        position = (message.topic() or "", message.partition() or 0, message.offset() or 0)
        letter = DeadLetter(dead_id(*position, ProfileStage.name), *position, ProfileStage.name, "too_large", 0)
        self._producer.produce(topics.EVENTS_DEAD, self._codec.encoder(DeadLetter)(letter), letter.dead_id.encode())
        assert self._producer.flush(DEADLINE_S) == 0


class Installation:
    """What a test writes into Kafka and reads of `identity.changes`."""

    def __init__(self, stack: Stack) -> None:
        self._codec = Codec(Registry(stack.settings.registry))
        self._kafka = stack.settings.kafka
        self._offsets = Offsets(self._kafka)
        self._producer = Producer(PRODUCER_CONFIG | {"bootstrap.servers": self._kafka})

    def resolve(self, events: Iterable[Event], profile_id: str) -> list[bytes]:
        """Events on `events.resolved`, as RESOLVE would route them; their bytes."""
        bodies = []
        for event in events:
            bodies.append(self._codec.encoder(Event)(event))
            self._producer.produce(topics.EVENTS_RESOLVED, bodies[-1], profile_key(event.workspace, profile_id))
            if len(bodies) % 10_000 == 0:
                self._producer.flush(DEADLINE_S)
        assert self._producer.flush(DEADLINE_S) == 0
        return bodies

    def send_bytes(self, value: bytes) -> None:
        """Anything on `identity.changes`."""
        self._producer.produce(topics.IDENTITY_CHANGES, value, b"main")
        assert self._producer.flush(DEADLINE_S) == 0

    def decide(self, *changes: IdentityChange) -> None:
        """Changes on `identity.changes`, as GRAPH would publish them."""
        for change in changes:
            value = self._codec.encoder(IdentityChange)(change)
            self._producer.produce(topics.IDENTITY_CHANGES, value, change.workspace.encode())
        assert self._producer.flush(DEADLINE_S) == 0

    def rebuilt(self, workspace: str) -> list[IdentityChange]:
        """What was published as rebuilt."""
        return [change for change in self.changes(workspace) if change.kind == "rebuilt"]

    def changes(self, workspace: str) -> list[IdentityChange]:
        """All changes of a workspace, from the beginning."""
        changes = (
            self._codec.decode(IdentityChange, message.value())
            for message in read_to_end(self._kafka, [topics.IDENTITY_CHANGES])
        )
        return [change for change in changes if change.workspace == workspace]

    def has_committed_everything(self) -> bool:
        """Whether the rebuilders have acknowledged all changes."""
        partitions = self._offsets.partitions([topics.IDENTITY_CHANGES])
        committed, extents = self._offsets.committed(REBUILDER.name, partitions), self._offsets.extents(partitions)
        return all(extent.is_empty or committed.get(position, 0) >= extent.end for position, extent in extents.items())


def event(workspace: str, number: int, *identifiers: Identifier, occurred_at: int | None = None) -> Event:
    """A track call with its number as its time."""
    at = number if occurred_at is None else occurred_at
    return Event(workspace, "web", f"m{number}", "track", "Seen", at, None, 10**12, identifiers)
