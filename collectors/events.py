"""Makes an Event of one call of Segment's API: pure, and the one place that knows what the fields of a call mean.

Leaves to `validation` which calls there are and who sent them. https://segment.com/docs/connections/spec/common/
"""

import uuid
from typing import NamedTuple

import msgspec

from admission.fields import read_object, read_text
from admission.identifiers import UnusedIdentifier, UnusedReason
from admission.json_text import JsonObject, excerpt, repeated_keys, written
from admission.rejection import Rejection
from admission.repairs import Repairs
from admission.texts import digest_id, event_name, message_id
from collectors.identifiers import read_identifiers
from collectors.times import NO_TIME, WrittenTime, event_times
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.ordinals import pack_ordinal
from schemas.records import Event, EventType, Repair

CALLS: tuple[EventType, ...] = ("identify", "track", "page", "screen", "alias", "group")
OPEN_PARTS = ("properties", "traits", "context")
MAX_EVENT_BYTES = 512 * 1024  # six of nine SDKs send 40 KB; with its identifiers it stays under schemas.topics' limit


class Sender(msgspec.Struct, frozen=True):
    """Who sent a call, as the write key says."""

    workspace: str
    source: str


class Envelope(msgspec.Struct, frozen=True):
    """What the calls of one request share: times, the batch's own context, which an event's goes over, rules.

    `received_at` is in ms; `first_arrival` is that of the first call (`collectors.arrivals`). `repairs`: of the batch.
    """

    received_at: int
    sent_at: WrittenTime = NO_TIME
    context: JsonObject = {}
    rules: IdentityRules = DEFAULT_RULES
    first_arrival: int = 1
    repairs: tuple[Repair, ...] = ()


class Accepted(NamedTuple):
    """An event, a reason for each of its unusable identifiers, and of those that were read, which they are."""

    event: Event
    unused: tuple[UnusedReason, ...] = ()
    read_unused: tuple[UnusedIdentifier, ...] = ()


def read_event(call: JsonObject, kind: EventType, sender: Sender, envelope: Envelope, index: int = 0) -> Accepted:
    """Return the event that a call stands for; `index` counts the calls. Raises Rejection for the first fault."""
    repairs = Repairs(*envelope.repairs)
    for key in repeated_keys(call):
        repairs.add(key, "repeated_key")
    context = written(envelope.context | read_object(call, "context", repairs), "context", repairs)
    traits = written(_traits(call, kind, context.value, repairs), "traits", repairs)
    properties = written(_properties(call, kind, repairs), "properties", repairs)
    _check_size(properties.text, traits.text, context.text)
    times = event_times(call, envelope.sent_at, envelope.received_at)
    repairs.extend(times.repairs)
    naming_traits = traits.value if kind == "identify" else {}
    identifiers = read_identifiers(call, kind, context.value, naming_traits, envelope.rules)
    event = Event(
        workspace=sender.workspace,
        source=sender.source,
        message_id=_message_id(call, repairs),
        type=kind,
        event=_name(call, kind, repairs),
        occurred_at=times.occurred_at,
        sent_at=times.sent_at,
        received_at=envelope.received_at,
        identifiers=identifiers.kept(envelope.rules),
        properties=properties.text,
        traits=traits.text,
        context=context.text,
        ordinal=pack_ordinal(times.microsecond, envelope.first_arrival + index),
        repairs=repairs.listed(),
    )
    return Accepted(event, identifiers.reasons(), identifiers.unused)


def _check_size(*texts: str) -> None:
    """Raise Rejection with the largest of the open parts if properties, traits and context are too large together."""
    sizes = [len(text.encode()) for text in texts]
    if sum(sizes) > MAX_EVENT_BYTES:
        message = f"{', '.join(OPEN_PARTS)} have {sum(sizes)} bytes of JSON; at most {MAX_EVENT_BYTES} are accepted"
        raise Rejection("event_too_large", message, OPEN_PARTS[sizes.index(max(sizes))])


def _message_id(call: JsonObject, repairs: Repairs) -> str:
    field = "messageId"
    try:
        given = read_text(call, field)
    except Rejection:
        repairs.add(field, "wrong_type")
        return digest_id(excerpt(call[field]))
    return str(uuid.uuid4()) if given is None else message_id(given, field, repairs)


def _name(call: JsonObject, kind: EventType, repairs: Repairs) -> str | None:
    if kind in {"identify", "alias", "group"}:
        return None
    if kind != "track":
        return _named(_optional_text(call, "name", repairs), "name", repairs)
    name = _named(read_text(call, "event"), "event", repairs)
    if name is None:
        raise Rejection("missing_field", "a track call needs the name of its event", "event")
    return name


def _named(sent: str | None, field: str, repairs: Repairs) -> str | None:
    return None if sent is None else event_name(sent, field, repairs)


def _optional_text(call: JsonObject, field: str, repairs: Repairs) -> str | None:
    """Read a text that nobody needs: one of another type counts as absent."""
    try:
        return read_text(call, field)
    except Rejection:
        repairs.add(field, "wrong_type")
        return None


def _traits(call: JsonObject, kind: EventType, context: JsonObject, repairs: Repairs) -> JsonObject:
    """Return the traits of a person or a group. rudder-sdk-python sends a person's in the context only."""
    if kind == "group":
        return read_object(call, "traits", repairs)
    if kind != "identify":
        return {}
    return read_object(call, "traits", repairs) or read_object(context, "traits", repairs, "context.")


def _properties(call: JsonObject, kind: EventType, repairs: Repairs) -> JsonObject:
    """Return the properties, with a page's or screen's category, which not every SDK copies there."""
    properties = read_object(call, "properties", repairs)
    category = _optional_text(call, "category", repairs) if kind in {"page", "screen"} else None
    if category is None or "category" in properties:
        return properties
    return properties | {"category": category}
