"""Makes an Event of one call of Segment's API: pure, and the one place that knows what the fields of a call mean.

Leaves to `validation` which calls there are and who sent them. https://segment.com/docs/connections/spec/common/
"""

import uuid
from typing import NamedTuple

import msgspec

from admission import json_text
from admission.fields import read_object, read_text
from admission.identifiers import UnusedReason
from admission.json_text import JsonObject
from admission.rejection import Rejection
from collectors.identifiers import read_identifiers
from collectors.times import NO_TIME, WrittenTime, event_times
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.ordinals import pack_ordinal
from schemas.records import Event, EventType

CALLS: tuple[EventType, ...] = ("identify", "track", "page", "screen", "alias", "group")
MAX_MESSAGE_ID_LENGTH = 200
MAX_NAME_LENGTH = 500
MAX_EVENT_BYTES = 512 * 1024  # six of nine SDKs send 40 KB; with its identifiers it stays under schemas.topics' limit


class Sender(msgspec.Struct, frozen=True):
    """Who sent a call, as the write key says."""

    workspace: str
    source: str


class Envelope(msgspec.Struct, frozen=True):
    """What the calls of one request share: times, the batch's own context, which an event's goes over, rules.

    `received_at` is in ms; `first_arrival` is that of the first call (`collectors.arrivals`).
    """

    received_at: int
    sent_at: WrittenTime = NO_TIME
    context: JsonObject = {}
    rules: IdentityRules = DEFAULT_RULES
    first_arrival: int = 1


class Accepted(NamedTuple):
    """An event, and a reason for each of its unusable identifiers."""

    event: Event
    unused: tuple[UnusedReason, ...] = ()


def read_event(call: JsonObject, kind: EventType, sender: Sender, envelope: Envelope, index: int = 0) -> Accepted:
    """Return the event that a call stands for; `index` counts the calls. Raises Rejection for the first fault."""
    json_text.check(call)
    context = envelope.context | read_object(call, "context")
    traits = _traits(call, kind, context)
    times = event_times(call, envelope.sent_at, envelope.received_at)
    texts = [json_text.compact(value) for value in (_properties(call, kind), traits, context)]
    size = sum(len(text.encode()) for text in texts)
    if size > MAX_EVENT_BYTES:
        raise Rejection("event_too_large", f"{size} bytes of JSON; at most {MAX_EVENT_BYTES} are accepted")
    identifiers = read_identifiers(call, kind, context, traits if kind == "identify" else {}, envelope.rules)
    event = Event(
        workspace=sender.workspace,
        source=sender.source,
        message_id=_message_id(call),
        type=kind,
        event=_name(call, kind),
        occurred_at=times.occurred_at,
        sent_at=times.sent_at,
        received_at=envelope.received_at,
        identifiers=identifiers.kept(envelope.rules),
        properties=texts[0],
        traits=texts[1],
        context=texts[2],
        ordinal=pack_ordinal(times.microsecond, envelope.first_arrival + index),
        repairs=times.repairs,
    )
    return Accepted(event, identifiers.reasons())


def _message_id(call: JsonObject) -> str:
    given = read_text(call, "messageId")
    if given is None:
        return str(uuid.uuid4())
    if len(given) > MAX_MESSAGE_ID_LENGTH or not given.isprintable():
        limits = f"expected at most {MAX_MESSAGE_ID_LENGTH} printable characters"
        raise Rejection("invalid_value", limits, "messageId")
    return given


def _name(call: JsonObject, kind: EventType) -> str | None:
    if kind in {"identify", "alias", "group"}:
        return None
    field = "event" if kind == "track" else "name"
    name = read_text(call, field)
    if name is None:
        if kind == "track":
            raise Rejection("missing_field", "a track call needs the name of its event", field)
        return None
    if len(name) > MAX_NAME_LENGTH or "\x00" in name:
        raise Rejection("invalid_value", f"expected at most {MAX_NAME_LENGTH} characters", field)
    return name


def _traits(call: JsonObject, kind: EventType, context: JsonObject) -> JsonObject:
    """Return the traits of a person or a group. rudder-sdk-python sends a person's in the context only."""
    if kind == "group":
        return read_object(call, "traits")
    if kind != "identify":
        return {}
    return read_object(call, "traits") or read_object(context, "traits", "context.")


def _properties(call: JsonObject, kind: EventType) -> JsonObject:
    """Return the properties, with a page's or screen's category, which not every SDK copies there."""
    properties = read_object(call, "properties")
    category = read_text(call, "category") if kind in {"page", "screen"} else None
    if category is None or "category" in properties:
        return properties
    return properties | {"category": category}
