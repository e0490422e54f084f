"""One request's body to a judgement: which calls are accepted as events, which are refused, and why. Pure.

Leaves reading the body to `bodies`, the meaning of a call to `events`, and what becomes of the judgement to `intake`.
"""

import msgspec

from collectors import payload, times
from collectors.access import WriteKeys, key_from_body
from collectors.events import CALLS, Envelope, Sender, read_event
from collectors.fields import kind_of, read_object, read_text
from collectors.identifiers import UnusedReason
from collectors.payload import JsonObject, JsonValue
from collectors.rejection import Code, Rejection
from definitions.identity.rules import IdentityRules
from schemas.records import Event, EventType

MAX_BATCH_EVENTS = 2_500
MAX_SHARED_CONTEXT_BYTES = 32 * 1024  # it is repeated in every event of its batch


class Refused(msgspec.Struct, frozen=True):
    """A call that broke the contract. Without a sender it is only counted."""

    index: int
    sender: Sender | None
    message_id: str | None
    rejection: Rejection
    body: str


class Judgement(msgspec.Struct, frozen=True):
    """`unused`: a reason for each identifier of the accepted events that names nobody."""

    accepted: tuple[Event, ...]
    refused: tuple[Refused, ...]
    unused: tuple[UnusedReason, ...] = ()


def judge_call(call: JsonObject, kind: EventType, sender: Sender, received_at: int, rules: IdentityRules) -> Judgement:
    """The judgement of a request with one call of a kind that its path tells."""
    return _judge([call], kind, sender, Envelope(received_at, rules=rules), None)


def judge_batch(
    batch: JsonObject, sender: Sender | None, keys: WriteKeys, received_at: int, rules: IdentityRules
) -> Judgement:
    """The judgement of a batch. Raises Rejection where the batch as a whole is wrong.

    Without a sender of the whole, each call must carry its own write key.
    """
    calls = batch.get("batch")
    if not isinstance(calls, list):
        code: Code = "missing_field" if calls is None else "invalid_type"
        raise Rejection(code, f"expected a list of calls, found {kind_of(calls)}", "batch")
    if len(calls) > MAX_BATCH_EVENTS:
        raise Rejection("too_many_events", f"{len(calls)} calls; at most {MAX_BATCH_EVENTS} are accepted", "batch")
    context = read_object(batch, "context")
    payload.check(context, "context")
    if len(payload.compact(context).encode()) > MAX_SHARED_CONTEXT_BYTES:
        raise Rejection("event_too_large", f"at most {MAX_SHARED_CONTEXT_BYTES} bytes are accepted", "context")
    envelope = Envelope(received_at, times.read_time(batch, "sentAt"), context, rules)
    return _judge(calls, None, sender, envelope, keys)


def _judge(
    calls: list[JsonValue], kind: EventType | None, sender: Sender | None, envelope: Envelope, keys: WriteKeys | None
) -> Judgement:
    accepted, refused, unused = [], [], list[UnusedReason]()
    for index, call in enumerate(calls):
        own_sender = sender
        try:
            if not isinstance(call, dict):
                payload.check(call)
                raise Rejection("invalid_type", f"expected an object, found {kind_of(call)}")
            if own_sender is None and keys is not None:
                own_sender = keys.sender(key_from_body(call))
            if own_sender is None:
                raise Rejection("unknown_write_key", "no source has this write key", "writeKey")
            read = read_event(call, kind or _kind(call), own_sender, envelope)
            accepted.append(read.event)
            unused += read.unused
        except Rejection as rejection:
            refused.append(Refused(index, own_sender, _message_id(call), rejection, payload.excerpt(call)))
    return Judgement(tuple(accepted), tuple(refused), tuple(unused))


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
