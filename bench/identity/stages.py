"""RESOLVE and GRAPH as they are, over logs and tables in memory: who is who after all events.

PROFILE, which moves states after the decisions, is left out: an event ends in the profile of the component that its
primary identifier is in. That PROFILE brings it there is what `tests/streams/world` is about.
"""

import uuid
from collections import Counter, deque
from collections.abc import Iterable
from random import Random
from zlib import crc32

import msgspec

from identity.ledger import Ledger
from identity.rules import IdentityRules
from runtime.clock import now_ms
from schemas.codec import RECORDS, Codec
from schemas.identity import identifier_key
from schemas.records import Event, Identifier, IdentityChange
from schemas.topics import EVENTS, EVENTS_DEAD, IDENTITY_CHANGES, IDENTITY_REQUESTS, IDENTITY_ROUTES
from settings import Source, Workspace
from state.outputs import Output
from state.view import StateView
from streams.agents.graph import GraphStage
from streams.agents.resolve import ResolveStage
from streams.phases import AnyStage, Received, Record, decode, fold

WORKSPACE = "main"
SOURCE = "bench"
BATCH = 500
_NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
_IDS = {record: number for number, record in enumerate(RECORDS, start=1)}


class OwnSchemas:
    """This release's schemas under fixed ids, in the place of a registry."""

    def schema_by_id(self, schema_id: int) -> str | None:  # noqa: ARG002 - an interface
        """Return None: bytes of other schemas do not occur here."""
        return None

    def id_of(self, record: type[msgspec.Struct]) -> int:
        """Return the record's number among the records."""
        return _IDS[record]


class Table(dict[bytes, bytes]):
    """What one partition of a stage has stored."""

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Return values in the order of the keys."""
        return [self.get(key) for key in keys]

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:  # noqa: ARG002 - an interface
        """Return nothing: neither stage has deadlines."""
        return []

    def after(self, key: bytes, limit: int) -> list[bytes]:
        """Return the keys behind one."""
        return sorted(each for each in self if each > key)[:limit]

    def range(self, prefix: bytes) -> list[bytes]:
        """Return the keys that begin with the prefix."""
        return sorted(key for key in self if key.startswith(prefix))


class WhoIsWho:
    """`random`: draws which partition of `events` goes on next; None: all events in the order they are given in."""

    def __init__(self, rules: IdentityRules, partitions: int = 6, random: Random | None = None) -> None:
        codec = Codec(OwnSchemas())
        workspaces = {WORKSPACE: Workspace(WORKSPACE, _NAMESPACE, "event", (Source(SOURCE, "key"),))}
        self._rules = rules
        self._random = random
        self._partitions = partitions
        self._codec = codec
        self._encode = codec.encoder(Event)
        self._resolve = ResolveStage(workspaces, rules, codec, self._partition)
        self._graph = GraphStage(workspaces, rules, codec)
        self._identifiers = [Table() for _ in range(partitions)]
        self._members = Table()
        self.changes: list[IdentityChange] = []

    def run(self, events: Iterable[Event]) -> None:
        """Resolve all events and decide all that they raise. Raises ValueError if one cannot be read."""
        now = now_ms()
        for partition, records in self._batches(events):
            requests = self._fold(self._resolve, records, self._identifiers[partition], now)
            while requests:
                routes = self._fold(self._graph, _as_records(requests, IDENTITY_REQUESTS), self._members, now)
                requests = self._take(routes, now)

    def _take(self, outputs: list[Output], now: int) -> list[Output]:
        """Routes to RESOLVE; changes are kept."""
        raised = []
        for output in outputs:
            if output.topic == IDENTITY_CHANGES:
                self.changes.append(self._codec.decode(IdentityChange, output.value))
            elif output.topic == IDENTITY_ROUTES:
                at = self._partition(output.key)
                records = _as_records([output], IDENTITY_ROUTES)
                raised += self._fold(self._resolve, records, self._identifiers[at], now)
        return raised

    def _fold(self, stage: AnyStage, records: list[Record], table: Table, now: int) -> list[Output]:
        folded = fold(stage, decode(stage, Received(records, {}, now)), StateView(table)).effects
        for key, value in folded.view.changes.items():
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        dead = sum(output.topic == EVENTS_DEAD for output in folded.outputs)
        if dead:
            raise ValueError(f"{stage.name} could not read {dead} of {len(records)} records")
        wanted = {IDENTITY_REQUESTS, IDENTITY_ROUTES, IDENTITY_CHANGES}
        return [output for output in folded.outputs if output.topic in wanted]

    def _batches(self, events: Iterable[Event]) -> Iterable[tuple[int, list[Record]]]:
        queues: list[deque[Record]] = [deque() for _ in range(self._partitions)]
        for number, event in enumerate(events):
            key = identifier_key(WORKSPACE, self._rules.usable(event.identifiers)[0])
            at = self._partition(key)
            record = Record(EVENTS, at, number, key, self._encode(event))
            if self._random is None:
                yield at, [record]
            else:
                queues[at].append(record)
        while self._random is not None and (waiting := [at for at, queue in enumerate(queues) if queue]):
            at = self._random.choice(waiting)
            size = min(len(queues[at]), self._random.randint(1, BATCH))
            yield at, [queues[at].popleft() for _ in range(size)]

    def _partition(self, key: bytes) -> int:
        return crc32(key) % self._partitions

    # -- what came of it

    def person_of(self, event: Event) -> Identifier:
        """Return the canonical identifier of the profile that an event ends in."""
        primary = self._rules.usable(event.identifiers)[0]
        return Ledger(StateView(self._members), WORKSPACE, self._rules.rank).components.canonical_of(primary)

    def kinds(self) -> Counter[str]:
        """Return how many changes of each kind GRAPH published."""
        return Counter(change.kind for change in self.changes)


def _as_records(outputs: list[Output], topic: str) -> list[Record]:
    return [Record(topic, 0, 0, output.key, output.value) for output in outputs if output.topic == topic]
