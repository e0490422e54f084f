"""Admits an event that came straight to Kafka, by the same rules as a call over HTTP. Pure.

Of a record, its position and the rules always the same becomes: a record that is read again leads to the same event.
"""

from typing import NamedTuple

from admission.fields import read_object
from admission.identifiers import NamedIdentifier, SortedIdentifiers, UnusedReason, sort_out
from admission.json_text import JsonValue, mended, parse_text, without_trailing_commas, written
from admission.record_times import record_times
from admission.rejection import Rejection
from admission.repairs import Repairs
from admission.texts import event_name, message_id
from identity.rules import IdentityRules
from schemas.changes import OPERATOR
from schemas.ordinals import pack_ordinal
from schemas.records import Event, Identifier


class TopicPosition(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


class Admitted(NamedTuple):
    """An event as Onefold takes it, and a reason for each of its unusable identifiers."""

    event: Event
    unused: tuple[UnusedReason, ...] = ()


def admit(event: Event, position: TopicPosition, rules: IdentityRules) -> Admitted:
    """Return the event that a record stands for. Raises Rejection for the first thing that it cannot do without.

    Its texts may hold halves of surrogate pairs for bytes that are no UTF-8. Repairs that it brings are not believed.
    """
    repairs = Repairs()
    times = record_times(event, repairs)
    identifiers = _identifiers(event, rules)
    admitted = Event(
        workspace=event.workspace,
        source=_source(event.source, repairs),
        message_id=_message_id(event.message_id, position, repairs),
        type=event.type,
        event=_name(event, repairs),
        occurred_at=times.occurred_at,
        sent_at=times.sent_at,
        received_at=times.received_at,
        identifiers=identifiers.kept(rules),
        properties=_object_text(event.properties, "properties", repairs),
        traits=_object_text(event.traits, "traits", repairs),
        context=_object_text(event.context, "context", repairs),
        ordinal=pack_ordinal(0, position.offset + 1),
        repairs=repairs.listed(),
    )
    return Admitted(admitted, identifiers.reasons())


def _identifiers(event: Event, rules: IdentityRules) -> SortedIdentifiers:
    identifiers = sort_out(
        rules,
        (
            NamedIdentifier(f"identifiers.{index}", Identifier(identifier.namespace.strip(), identifier.value.strip()))
            for index, identifier in enumerate(event.identifiers)
            if identifier.value.strip()
        ),
    )  # fmt: skip
    if identifiers.usable:
        return identifiers
    why = identifiers.why_none() if identifiers.unused else "an event needs an identifier"
    raise Rejection("missing_identifier", why, "identifiers")


def _source(sent: str, repairs: Repairs) -> str:
    source = mended(sent)
    if source == OPERATOR:
        raise Rejection("reserved_source", f"{source!r} is what operators say by hand, name another source", "source")
    if source != sent:
        repairs.add("source", "broken_character")
    return source


def _message_id(sent: str, position: TopicPosition, repairs: Repairs) -> str:
    """Return the id; of a record without one its position, so that it is the same when the record is read again."""
    stripped = sent.strip()
    return message_id(stripped, "message_id", repairs) if stripped else ":".join(map(str, position))


def _name(event: Event, repairs: Repairs) -> str | None:
    sent = (event.event or "").strip()
    name = event_name(sent, "event", repairs) if sent else None
    if name is None and event.type == "track":
        raise Rejection("missing_field", "a track event needs a name", "event")
    return name


def _object_text(sent: str, field: str, repairs: Repairs) -> str:
    if sent == "{}":
        return sent
    return written(read_object({field: _parsed(sent, field, repairs)}, field, repairs), field, repairs).text


def _parsed(sent: str, field: str, repairs: Repairs) -> JsonValue:
    text = sent.strip(" \t\r\n\ufeff")
    if not text:
        return ""
    try:
        return parse_text(text)
    except Rejection as rejection:
        mended_text = without_trailing_commas(text)
        if mended_text == text:
            raise Rejection(rejection.code, rejection.message, field) from None
    try:
        parsed = parse_text(mended_text)
    except Rejection as rejection:
        raise Rejection(rejection.code, rejection.message, field) from None
    repairs.add(field, "trailing_comma")
    return parsed
