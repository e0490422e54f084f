"""RESOLVE, GRAPH and PROFILE as an in-memory network of logs, read in any interleaving that Kafka could produce.

RESOLVE and GRAPH are the real functions. PROFILE is reduced to what the protocol needs of it: how many events it
counted, their message ids, its identifiers, or the profile that it gave way to. A step handles one record and its
outputs at once, as a transaction does; each log is read in order.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from random import Random
from zlib import crc32

import msgspec

from identity.decide import decide
from identity.entries import IdentifierEntry
from identity.ledger import Ledger
from identity.resolve import apply_route, resolve
from identity.rules import IdentityRules
from schemas.identity import identifier_key
from schemas.records import Absorb, Event, Fold, Identifier, IdentityRequest, ProfileCommand, Route, Transfer
from tests.identity.deciding import PLAIN, Table

NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
WORKSPACE = "main"


Log = tuple[str, int]
"""A topic and a partition of it."""


class Counted(msgspec.Struct):
    """What an absorb carries: `events` adds up, so a message that is counted twice shows."""

    events: int = 0
    message_ids: set[str] = msgspec.field(default_factory=set)


class ProfileModel(msgspec.Struct):
    counted: Counted = msgspec.field(default_factory=Counted)
    identifiers: set[Identifier] = msgspec.field(default_factory=set)
    merged_into: str | None = None
    decision: int = 0


class Network:
    """`redelivers`: every command is delivered a second time at some later moment, as after an offset was set back."""

    def __init__(self, partitions: int, random: Random, rules: IdentityRules = PLAIN, redelivers: bool = False) -> None:
        self.profiles: dict[str, ProfileModel] = {}
        self.entries: dict[bytes, IdentifierEntry] = {}
        self.graph = Table()
        self.requests: list[IdentityRequest] = []
        self._partitions = partitions
        self.random = random
        self._rules = rules
        self._redelivers = redelivers
        self._logs: dict[Log, deque[object]] = {}
        self._pace: dict[Log, int] = {}

    def run(self, sends: Sequence[Event]) -> None:
        """Let a client send these events, in order, while everything else goes on; until all logs are read."""
        for event in sends:
            self.send(event)
        while waiting := self.waiting():
            self.step(self.random.choices(waiting, [self._pace[log] for log in waiting])[0])

    def send(self, event: Event) -> None:
        """Let a client send an event, behind those that it has sent."""
        self._append("client", "", event)

    def waiting(self) -> list[Log]:
        """The logs that are not read to their end."""
        return [log for log, records in self._logs.items() if records]

    def step(self, log: Log) -> None:
        """Handle the next record of a log."""
        self._handle(log[0], self._logs[log].popleft())

    def profile(self, profile_id: str) -> ProfileModel:
        return self.profiles.setdefault(profile_id, ProfileModel())

    def canonical_of(self, identifier: Identifier) -> Identifier:
        return Ledger(self.graph, WORKSPACE, self._rules.rank).components.canonical_of(identifier)

    def _append(self, topic: str, key: str, record: object) -> None:
        log = (topic, crc32(key.encode()) % self._partitions)
        # Some logs are far behind the others: what goes wrong only when a message is very late must show.
        self._pace.setdefault(log, self.random.choice((1, 20, 400)))
        self._logs.setdefault(log, deque()).append(record)

    def _handle(self, topic: str, record: object) -> None:
        match topic, record:
            case "client", Event():
                self._append("events", str(record.identifiers[0]), record)
            case "events", Event():
                self.resolve(record)
            case "identity.routes", Route():
                key = identifier_key(WORKSPACE, Identifier(record.namespace, record.value))
                self.entries[key] = apply_route(self.entries.get(key), record)
            case "identity.requests", IdentityRequest():
                self.requests.append(record)
                for command in decide(record, self.graph, NAMESPACE, self._rules).commands:
                    self._send(command)
            case "events.resolved", (str(profile_id), Event() as event):
                self.on_event(profile_id, event)
            case "redelivered", ProfileCommand():
                self._append("profile.commands", record.profile_id, record)
            case "profile.commands", ProfileCommand():
                self._carry_out(record)
            case _:
                raise AssertionError(f"{record} on {topic}")

    def resolve(self, event: Event) -> None:
        key = identifier_key(WORKSPACE, event.identifiers[0])
        resolved = resolve(self.entries.get(key), event.identifiers, event.source, NAMESPACE)
        if resolved.changed:
            self.entries[key] = resolved.changed
        self._append("events.resolved", resolved.profile_id, (resolved.profile_id, event))
        if resolved.requested:
            identifiers = (event.identifiers[0], *resolved.requested)
            request = IdentityRequest(WORKSPACE, event.message_id, event.source, event.occurred_at, identifiers)
            self._append("identity.requests", WORKSPACE, request)

    def _send(self, command: ProfileCommand) -> None:
        self._append("profile.commands", command.profile_id, command)
        if self._redelivers:
            self._append("redelivered", command.profile_id, command)

    def _carry_out(self, command: ProfileCommand) -> None:
        match command.command:
            case Transfer() as transfer:
                self.on_transfer(command.profile_id, transfer)
            case Absorb() as absorb:
                self.on_absorb(command.profile_id, absorb)
            case Fold(event=event):
                self.on_event(command.profile_id, msgspec.msgpack.decode(event, type=Event))

    # What PROFILE does; the tests break these rules one by one.

    def on_event(self, profile_id: str, event: Event) -> None:
        profile = self.profile(profile_id)
        if profile.merged_into is not None:
            self._send(ProfileCommand.of(WORKSPACE, profile.merged_into, Fold(msgspec.msgpack.encode(event))))
        elif event.message_id not in profile.counted.message_ids:
            profile.counted.events += 1
            profile.counted.message_ids.add(event.message_id)
            profile.identifiers.add(event.identifiers[0])

    def on_transfer(self, profile_id: str, transfer: Transfer) -> None:
        profile = self.profile(profile_id)
        if profile.merged_into is not None:
            return
        profile.merged_into, profile.decision = transfer.target, transfer.decision
        identifiers = self.identifiers_that_move(profile, transfer)
        state = msgspec.msgpack.encode(profile.counted)
        absorb = Absorb(transfer.decision, profile_id, identifiers, state)
        self._send(ProfileCommand.of(WORKSPACE, transfer.target, absorb))
        profile.counted, profile.identifiers = Counted(), set()

    def identifiers_that_move(self, profile: ProfileModel, transfer: Transfer) -> tuple[Identifier, ...]:
        """Its own and those whose state it has; the others come when their state does."""
        return tuple(sorted({transfer.identifiers[0], *profile.identifiers}, key=self._rules.rank))

    def on_absorb(self, profile_id: str, absorb: Absorb) -> None:
        profile = self.profile(profile_id)
        if profile.merged_into is not None:
            decision = max(absorb.decision, profile.decision)
            onward = msgspec.structs.replace(absorb, decision=decision)
            self._send(ProfileCommand.of(WORKSPACE, profile.merged_into, onward))
        elif absorb.identifiers[0] not in profile.identifiers:
            self.absorb(profile_id, absorb)

    def absorb(self, profile_id: str, absorb: Absorb) -> None:
        profile = self.profile(profile_id)
        state = msgspec.msgpack.decode(absorb.state or b"", type=Counted)
        profile.counted.events += state.events
        profile.counted.message_ids |= state.message_ids
        profile.identifiers |= set(absorb.identifiers)
        profile.decision = max(profile.decision, absorb.decision)
        self.open_routes(absorb.identifiers, profile_id, absorb.decision)

    def open_routes(self, identifiers: tuple[Identifier, ...], profile_id: str, decision: int) -> None:
        for identifier in identifiers:
            route = Route(WORKSPACE, identifier.namespace, identifier.value, profile_id, decision)
            self._append("identity.routes", str(identifier), route)
