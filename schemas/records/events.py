"""Events as they are accepted and resolved, rejected, and found to be repetitions."""

from typing import Literal

import msgspec

from schemas.records.values import Identifier, Millis

EventType = Literal["track", "identify", "page", "screen", "group", "alias"]


class Repair(msgspec.Struct, frozen=True, order=True, gc=False):
    """A field of an event that could not be kept as it was sent: its path, and why (docs/guide/sending.md)."""

    field: str
    reason: str


class EventHead(msgspec.Struct, frozen=True, gc=False):
    """The front of an Event: enough to say whose it is, decoded without touching the rest."""

    workspace: str
    source: str
    message_id: str
    type: EventType
    event: str | None
    occurred_at: Millis
    sent_at: Millis | None
    received_at: Millis
    ordinal: int
    identifiers: tuple[Identifier, ...]


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that one source says about somebody at one time, as it was accepted."""

    workspace: str
    source: str
    message_id: str
    type: EventType
    event: str | None
    occurred_at: Millis
    sent_at: Millis | None
    received_at: Millis
    identifiers: tuple[Identifier, ...]
    properties: str = "{}"
    traits: str = "{}"
    context: str = "{}"
    ordinal: int = 0
    repairs: tuple[Repair, ...] = ()
    definitions: int = 0


class Repetition(msgspec.Struct, frozen=True, gc=False):
    """Whether an event, as it was accepted, is a repetition of another one of its profile, from a decision on."""

    workspace: str
    profile_id: str
    event: bytes
    is_repeated: bool
    decision: int
    version: int


class RejectedEvent(msgspec.Struct, frozen=True, gc=False):
    """What a sender sent and the collector rejected, with the reason."""

    workspace: str
    source: str
    reason: str
    detail: str
    body: str
    received_at: Millis
    message_id: str | None = None
