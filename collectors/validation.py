"""Validates a request's body: which calls are accepted as events, which are rejected, and why. Pure but for arrivals.

Leaves reading the body to `bodies`, the meaning of a call to `events`, and what becomes of calls to `intake`.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from admission import json_text
from admission.fields import kind_of, read_object, read_text
from admission.identifiers import UnusedIdentifier, UnusedReason
from admission.json_text import JsonObject, JsonValue, Written
from admission.rejection import Code, Rejection
from admission.repairs import Repairs
from collectors.access import UsableKeys, key_from_body
from collectors.arrivals import Arrivals
from collectors.events import CALLS, Envelope, Sender, read_event
from collectors.identifiers import MAX_EXTERNAL_IDS, external_id_count
from collectors.times import read_time
from identity.rules import IdentityRules
from schemas.records import Event, EventType

MAX_BATCH_EVENTS = 2_500
MAX_ANSWERED = 20  # unusable identifiers that an answer names
# The context of a batch is repeated in every event of it. All together it may become no more than could be sent.
MAX_SHARED_CONTEXT_BYTES = 32 * 1024
MAX_REPEATED_CONTEXT_BYTES = 5 * 1024 * 1024
MAX_BATCH_EXTERNAL_IDS = 20_000  # eight for each call of the largest batch; some take a quarter of a millisecond


class RejectedCall(msgspec.Struct, frozen=True):
    """A call that broke the contract, and an excerpt of it. Without a sender it is only counted."""

    index: int
    sender: Sender | None
    message_id: str | None
    rejection: Rejection
    body: str


class UnusedInCall(msgspec.Struct, frozen=True):
    """An unusable identifier of an accepted call; `index` counts the calls of the body."""

    index: int
    identifier: UnusedIdentifier


class ValidatedCalls(msgspec.Struct, frozen=True):
    """What becomes of a body's calls. `unused`: a reason for each unusable identifier of the accepted events.

    `answered`: the first of these identifiers, MAX_ANSWERED at most: the sender is to see why they do not count.
    """

    accepted: tuple[Event, ...]
    rejected: tuple[RejectedCall, ...]
    unused: tuple[UnusedReason, ...] = ()
    answered: tuple[UnusedInCall, ...] = ()


class ReceivedBody(NamedTuple):
    """A body before it is parsed, and what its request's head says of it.

    `kind`: of its call; None for a batch. `sender`: None if the head has no key; then the body must have one of `keys`.
    `arrivals`: where its calls get their numbers. `add_facts`: to each accepted event, those of the connection too.
    """

    kind: EventType | None
    sender: Sender | None
    keys: UsableKeys
    received_at: int
    arrivals: Arrivals
    add_facts: Callable[[Event], Event] = lambda event: event


class Receipt(NamedTuple):
    """When a body was received, in ms since 1970, and the arrival of its first call."""

    received_at: int
    first_arrival: int


class ValidatedBody(NamedTuple):
    """Who sent a body, if its key says so, and what becomes of it: a Rejection where it is wrong as a whole."""

    sender: Sender | None
    outcome: ValidatedCalls | Rejection


def validate_body(body: bytes, received: ReceivedBody, rules: IdentityRules) -> ValidatedBody:
    """Validate a body. Time and memory are bounded by its size and by the limits of this module."""
    kind, sender, keys, received_at, arrivals, add_facts = received
    try:
        call = _object(json_text.parse(body))
        sender = sender or keys.sender(key_from_body(call))
        receipt = Receipt(received_at, arrivals.take(1 if kind else _call_count(call)))
        if kind is None:
            validated = validate_batch(call, sender, keys, receipt, rules)
        else:
            sender = sender or _own_sender(call, keys)
            validated = validate_call(call, kind, sender, receipt, rules)
    except Rejection as rejection:
        return ValidatedBody(sender, rejection.bare())
    accepted = tuple(map(add_facts, validated.accepted))
    return ValidatedBody(sender, msgspec.structs.replace(validated, accepted=accepted))


def validate_call(
    call: JsonObject, kind: EventType, sender: Sender, receipt: Receipt, rules: IdentityRules
) -> ValidatedCalls:
    """Validate a request with one call, whose kind its path says."""
    envelope = Envelope(receipt.received_at, rules=rules, first_arrival=receipt.first_arrival)
    return _validate([call], kind, sender, envelope, UsableKeys({}))


def validate_batch(
    batch: JsonObject, sender: Sender | None, keys: UsableKeys, receipt: Receipt, rules: IdentityRules
) -> ValidatedCalls:
    """Validate a batch. Raises Rejection where the batch as a whole is wrong.

    Without a sender of the whole, each call must carry its own write key.
    """
    calls = batch.get("batch")
    if not isinstance(calls, list):
        code: Code = "missing_field" if calls is None else "invalid_type"
        raise Rejection(code, f"expected a list of calls, found {kind_of(calls)}", "batch")
    if len(calls) > MAX_BATCH_EVENTS:
        raise Rejection("too_many_events", f"{len(calls)} calls; at most {MAX_BATCH_EVENTS} are accepted", "batch")
    repairs = Repairs()
    for key in json_text.repeated_keys(batch):
        repairs.add(key, "repeated_key")
    context = _shared_context(batch, calls, repairs)
    sent_at = read_time(batch, "sentAt")
    envelope = Envelope(receipt.received_at, sent_at, context, rules, receipt.first_arrival, repairs.listed())
    return _validate(calls, None, sender, envelope, keys)


def _validate(
    calls: list[JsonValue], kind: EventType | None, sender: Sender | None, envelope: Envelope, keys: UsableKeys
) -> ValidatedCalls:
    accepted, rejected, unused, answered = [], [], list[UnusedReason](), list[UnusedInCall]()
    for index, call in enumerate(calls):
        own_sender = sender
        try:
            if not isinstance(call, dict):
                raise Rejection("invalid_type", f"expected an object, found {kind_of(call)}")
            own_sender = own_sender or _own_sender(call, keys)
            read = read_event(call, kind or _kind(call), own_sender, envelope, index)
            accepted.append(read.event)
            unused += read.unused
            if read.read_unused and len(answered) < MAX_ANSWERED:
                answered += [UnusedInCall(index, identifier) for identifier in read.read_unused]
        except Rejection as rejection:
            rejected.append(
                RejectedCall(index, own_sender, _message_id(call), rejection.bare(), json_text.excerpt(call))
            )
    return ValidatedCalls(tuple(accepted), tuple(rejected), tuple(unused), tuple(answered[:MAX_ANSWERED]))


def _object(parsed: JsonValue) -> JsonObject:
    if isinstance(parsed, dict):
        return parsed
    raise Rejection("invalid_body", f"the body must be a JSON object, found {kind_of(parsed)}")


def _call_count(batch: JsonObject) -> int:
    calls = batch.get("batch")
    return min(len(calls), MAX_BATCH_EVENTS) if isinstance(calls, list) else 0


def _shared_context(batch: JsonObject, calls: list[JsonValue], repairs: Repairs) -> JsonObject:
    """Read the context that all calls share. What is no object counts as empty: it must not cost every call."""
    try:
        sent = read_object(batch, "context", repairs)
    except Rejection:
        repairs.add("context", "wrong_type")
        sent = {}
    context = json_text.written(sent, "context", repairs)
    _check_shared(context, calls)
    return context.value


def _check_shared(context: Written, calls: list[JsonValue]) -> None:
    """Raise Rejection where few bytes of a batch would become many, or much work, in its events."""
    size = len(context.text.encode())
    if size > MAX_SHARED_CONTEXT_BYTES:
        raise Rejection("event_too_large", f"at most {MAX_SHARED_CONTEXT_BYTES} bytes are accepted", "context")
    if size * len(calls) > MAX_REPEATED_CONTEXT_BYTES:
        repeated = f"{size} bytes, repeated in {len(calls)} calls, are {size * len(calls)}"
        message = f"{repeated}; at most {MAX_REPEATED_CONTEXT_BYTES} are accepted, send fewer calls at once"
        raise Rejection("event_too_large", message, "context")
    external_ids = sum(_external_id_count(call, context.value) for call in calls)
    if external_ids > MAX_BATCH_EXTERNAL_IDS:
        message = (
            f"{external_ids} external ids; at most {MAX_BATCH_EXTERNAL_IDS} are accepted, send fewer calls at once"
        )
        raise Rejection("too_many_identifiers", message, "batch")


def _external_id_count(call: JsonValue, shared: JsonObject) -> int:
    own = call.get("context") if isinstance(call, dict) else None
    context = own if isinstance(own, dict) and "externalIds" in own else shared
    return min(external_id_count(context), MAX_EXTERNAL_IDS)


def _own_sender(call: JsonObject, keys: UsableKeys) -> Sender:
    key = key_from_body(call)
    sender = keys.sender(key)
    if sender is None:
        raise Rejection("unknown_write_key", keys.why_refused(key), "writeKey")
    return sender


def _kind(call: JsonObject) -> EventType:
    name = read_text(call, "type")
    for kind in CALLS:
        if kind == name:
            return kind
    expected = ", ".join(CALLS)
    if name is None:
        raise Rejection("missing_field", f"expected one of {expected}", "type")
    raise Rejection("unknown_type", f"{name[:50]!r} is none of {expected}", "type")


def _message_id(call: JsonValue) -> str | None:
    given = call.get("messageId") if isinstance(call, dict) else None
    return given if isinstance(given, str) and len(given) <= 200 and given.isprintable() else None
