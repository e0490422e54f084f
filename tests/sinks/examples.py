"""Records with few fields given, and the messages that carry them."""

from collections.abc import Iterable, Sequence

import msgspec
from confluent_kafka import Message

from schemas import topics
from schemas.codec import Codec
from schemas.identity import profile_key
from schemas.records import Event, Identifier, Link, Profile, SegmentChange, Session
from sinks.clickhouse.batch import InsertBatch, batch_of
from tests.schemas.fixed import FixedSchemas
from warehouse.client import Warehouse

ADA = Identifier("user_id", "ada")
PHONE = Identifier("anonymous_id", "phone")
ADAS = "00000000-0000-5000-8000-00000000ada0"
PHONES = "00000000-0000-5000-8000-000000000f01"
NOW = 1_700_000_000_123

Placed = tuple[str, int, int, bytes | None, msgspec.Struct]


def event(message_id: str, workspace: str = "main", **fields: object) -> Event:
    """A track call by Ada's phone."""
    given: dict[str, object] = {
        "source": "web",
        "type": "track",
        "event": "Order Completed",
        "occurred_at": NOW - 5,
        "sent_at": None,
        "received_at": NOW,
        "identifiers": (PHONE,),
    }
    return Event(workspace=workspace, message_id=message_id, **(given | fields))  # type: ignore[arg-type]


def profile(profile_id: str, version: int, workspace: str = "main", **fields: object) -> Profile:
    """A profile with one event."""
    given: dict[str, object] = {"updated_at": NOW, "traits": "{}", "events": 1}
    return Profile(workspace=workspace, profile_id=profile_id, version=version, **(given | fields))  # type: ignore[arg-type]


def session(session_id: str, version: int, workspace: str = "main", **fields: object) -> Session:
    """An open session of Ada."""
    given: dict[str, object] = {
        "profile_id": ADAS,
        "status": "open",
        "started_at": NOW,
        "ended_at": NOW,
        "events": version,
    }
    return Session(workspace=workspace, session_id=session_id, version=version, **(given | fields))  # type: ignore[arg-type]


def change(change_id: str, version: int, direction: str, workspace: str = "main") -> SegmentChange:
    """Ada enters or leaves the segment `buyers`."""
    return SegmentChange(workspace, change_id, ADAS, "buyers", direction, NOW, "m1", version, (ADA,))  # type: ignore[arg-type]


def link(decision: int, status: str = "active", workspace: str = "main") -> Link:
    """Evidence that the phone is Ada's."""
    return Link(workspace, ADA, PHONE, "m1", "web", NOW, "1", decision, status)  # type: ignore[arg-type]


def codec() -> Codec:
    """A codec over this release's schemas."""
    return Codec(FixedSchemas())


def message(input_record: Placed) -> Message:
    """What the consumer would hand out."""
    topic, partition, offset, key, record = input_record
    value = codec().encoder(type(record))(record)
    return Message(topic=topic, partition=partition, offset=offset, key=key, value=value)


def batch(inputs: Iterable[Placed]) -> InsertBatch:
    """A batch of well-formed records."""
    return batch_of(codec(), [message(input_record) for input_record in inputs])


def insert(warehouse: Warehouse, inputs: Sequence[Placed]) -> None:
    """Write records as the sink does."""
    for one in batch(inputs).inserts:
        warehouse.insert(one.table, one.columns, one.token)


def resolved(record: Event, offset: int, profile_id: str = PHONES, partition: int = 0) -> Placed:
    """An event on events.resolved, routed to a profile."""
    return topics.EVENTS_RESOLVED, partition, offset, profile_key(record.workspace, profile_id), record


def placed(topic: str, record: msgspec.Struct, offset: int, partition: int = 0) -> Placed:
    """A record that does not depend on its key."""
    return topic, partition, offset, None, record
