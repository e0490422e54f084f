"""HubSpot: creates and updates contacts, 100 a request; a segment is a property of theirs.

Built to the public contract of the CRM API v3 (developers.hubspot.com, "Upsert a batch of contacts", "Error handling",
"API usage guidelines", as of November 2026); never tried against the real service. An input carries the delivery's key
as `objectWriteTraceId`, by which a partial answer (207) names what it refuses.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Literal

import msgspec

from definitions.receivers.hubspot import HubSpot
from sinks.destinations.audiences.answers import Json, at, list_at, number_at, outcome_of, text_at, wait_of
from sinks.destinations.audiences.calls import JSON, ReceiverCalls, bearer, checked
from sinks.destinations.audiences.memberships import Unsendable, membership_of, plain, section_of, texts_of
from sinks.destinations.audiences.sending import Halt, Settled, Unclear, send_batch
from sinks.destinations.audiences.tokens import WrittenToken
from sinks.destinations.audiences.waves import ReceiverChange, upsert_of
from sinks.destinations.contract import (
    Batching,
    Delivered,
    Delivery,
    Exchange,
    Outcome,
    Refused,
    Retry,
    Unauthorised,
)
from sinks.destinations.http.session import Answer

MAX_CONTACTS = 100
MAX_BYTES = 2_000_000
LOCKED_MS = 2_000
MIGRATION = 477
"""Status while an account moves to another data centre."""

WAITS_MS = {"SECONDLY": 1_000, "TEN_SECONDLY_ROLLING": 10_000, "DAILY": 3_600_000}
"""By the limit that a 429 names, where it does not say how long to wait."""

TRANSIENT = {"RATE_LIMITS": "throttled", "CONFLICT": "unavailable", "INTERNAL_ERROR": "unavailable"}
"""Categories of an error about one contact after which another attempt may succeed."""


class Contact(msgspec.Struct, frozen=True):
    """A contact to be created or updated."""

    key: str
    id: str
    properties: dict[str, str]


class HubSpotContacts:
    """Contacts of HubSpot."""

    def __init__(self, options: HubSpot, timeout_s: float) -> None:
        """Raises BadOption."""
        self._options = options
        self._url = checked(options.url)
        self._token = WrittenToken(options.token)
        self._calls = ReceiverCalls(timeout_s, options.allow_private, lambda answer: answer.status == 401)
        self.batching = Batching(deliveries=min(options.batch, MAX_CONTACTS), bytes=MAX_BYTES)

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Write what each contact is now."""
        return self._calls.redacted(await send_batch(deliveries, self._change_of, self._send, MAX_CONTACTS))

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    def _change_of(self, position: int, delivery: Delivery) -> ReceiverChange[Contact]:
        contact = contact_of(delivery, self._options.property)
        return upsert_of(position, delivery, f"{self._options.id_property}:{contact.id}", contact)

    async def _send(self, changes: Sequence[ReceiverChange[Contact]]) -> Settled:
        contacts = [change.body for change in changes]
        body = body_of(contacts, self._options.id_property)
        url = f"{self._url}/crm/v3/objects/contacts/batch/upsert"
        answer = await self._calls.call(
            self._token, "POST", url, lambda token: ({"Content-Type": JSON, **bearer(token)}, body)
        )
        return answer if not isinstance(answer, Answer) else settled_of(contacts, answer)


def contact_of(delivery: Delivery, pattern: str) -> Contact:
    """Return the contact that a delivery writes. Raises Unsendable."""
    ids = texts_of(delivery.fields, "id")
    if not ids:
        raise Unsendable("id is missing: nothing says which contact it is")
    properties = section_of(delivery.fields, "properties") | membership_of(delivery.fields, pattern)
    texts = {name: text_of(name, value) for name, value in properties.items()}
    if not texts:
        raise Unsendable("there is nothing to write: neither a segment that was entered or left nor a property")
    return Contact(delivery.key, ids[0], texts)


def text_of(name: str, value: object) -> str:
    """Return a value as HubSpot writes it: lists with `;`, nothing as an empty text. Raises Unsendable."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return plain(str(value))
    if isinstance(value, list | tuple):
        return ";".join(text_of(name, member) for member in value)
    raise Unsendable(f"property {name} is an object, which HubSpot does not take")


def body_of(contacts: Sequence[Contact], id_property: str) -> bytes:
    """Return the body of a request."""
    inputs: list[Mapping[str, object]] = [
        {
            "id": contact.id,
            "idProperty": id_property,
            "properties": contact.properties,
            "objectWriteTraceId": contact.key,
        }
        for contact in contacts
    ]
    return msgspec.json.encode({"inputs": inputs})


def settled_of(contacts: Sequence[Contact], answer: Answer) -> Settled:
    """Return what an answer says of each contact."""
    said = answer.json()
    if answer.status == 207:
        return _settled_partly(contacts, said)
    category = text_at(said, "category")
    outcome = outcome_of(answer, f"{category}: {text_at(said, 'message')}" if category else "")
    if isinstance(outcome, Refused):
        return _refused(answer, outcome)
    if isinstance(outcome, Retry):
        locked_ms = LOCKED_MS if answer.status == HTTPStatus.LOCKED else None
        wait = wait_of(answer) or WAITS_MS.get(text_at(said, "policyName"), locked_ms)
        return Halt(Retry(outcome.reason, outcome.detail, wait, outcome.exchange))
    if isinstance(outcome, Unauthorised):
        return Halt(outcome)
    if not isinstance(said, dict):
        return Halt(Retry("unavailable", "the answer is not one of HubSpot's", None, outcome.exchange))
    return [Delivered(Exchange(answer=text_at(said, "status"), status=answer.status))] * len(contacts)


def _refused(answer: Answer, outcome: Refused) -> Settled:
    """Tell what is about a contact from what is about all."""
    if answer.status == MIGRATION:
        return Halt(Retry("unavailable", outcome.detail, wait_of(answer), outcome.exchange))
    return Unclear(outcome.detail, outcome.exchange) if answer.status in (400, 409) else outcome


def _settled_partly(contacts: Sequence[Contact], said: Json) -> Settled:
    outcomes: dict[str, Outcome] = {}
    errors = list_at(said, "errors")
    for error in errors:
        for key in list_at(error, "context", "objectWriteTraceId"):
            if isinstance(key, str):
                outcomes[key] = _outcome_of(error)
    number = number_at(said, "numErrors")
    is_whole = len(outcomes) >= (len(errors) if number is None else number)
    if not is_whole or not outcomes.keys() <= {contact.key for contact in contacts}:
        return Unclear("a contact is refused", Exchange(answer=_message(errors), status=207))
    delivered = Delivered(Exchange(answer=text_at(said, "status"), status=207))
    return [outcomes.get(contact.key, delivered) for contact in contacts]


def _outcome_of(error: Json) -> Outcome:
    category, message = text_at(error, "category"), text_at(error, "message")
    detail = f"{category}: {message}"
    exchange = Exchange(answer=detail, status=207)
    if category in TRANSIENT:
        reason: Literal["throttled", "unavailable"] = "throttled" if category == "RATE_LIMITS" else "unavailable"
        return Retry(reason, detail, None, exchange, is_receivers=False)
    return Refused("rejected", detail, exchange)


def _message(errors: Sequence[Json]) -> str:
    return "; ".join(text_at(error, "category") for error in errors if at(error, "category") is not None)
