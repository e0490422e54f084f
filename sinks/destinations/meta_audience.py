"""Meta custom audiences: adds and removes the hashes of people, 10,000 rows a request.

Built to the public reference of the Marketing API, v25.0 (developers.facebook.com, "Custom Audience Users", of 8
October 2025, and "Customer File Custom Audiences", of 28 April 2026); never tried against the real service.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TypeAlias
from urllib.parse import quote, urlencode

import msgspec

from definitions.receivers.meta_audience import MetaAudience
from sinks.destinations.audiences.answers import (
    Json,
    at,
    list_at,
    number_at,
    outcome_of,
    text_at,
    values_of,
    wait_of,
)
from sinks.destinations.audiences.calls import FORM, ReceiverCalls, checked
from sinks.destinations.audiences.memberships import Unsendable, audience_of, hashes_of, texts_of
from sinks.destinations.audiences.sending import Halt, Settled, Unclear, send_batch
from sinks.destinations.audiences.tokens import WrittenToken, is_given
from sinks.destinations.audiences.waves import ReceiverChange
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
from sinks.destinations.http.outcomes import LONGEST_RETRY_AFTER_MS
from sinks.destinations.http.session import Answer, json_of
from sinks.destinations.secrets import resolve

MAX_ROWS = 10_000
MAX_BYTES = 4_000_000

HASHED = ("EMAIL", "PHONE", "FN", "LN", "FI", "GEN", "DOBY", "DOBM", "DOBD", "CT", "ST", "ZIP", "COUNTRY")
AS_THEY_ARE = ("EXTERN_ID", "MADID", "LOOKALIKE_VALUE", "APPUID", "PAGEUID")
"""Keys of the schema that Meta takes without a hash."""
ABOUT_ONE = frozenset({"EMAIL", "PHONE", "EXTERN_ID", "MADID", "APPUID", "PAGEUID"})
"""Keys whose value names one person."""

EXPIRED = frozenset({102, 190})
UNAUTHORISED = frozenset({10, 102, 104, 190, 294, *range(200, 300)})
THROTTLED = frozenset({4, 17, 32, 341, 368, 613, *range(80_000, 80_015)})
UNAVAILABLE = frozenset({1, 2})

Row: TypeAlias = tuple[tuple[str, str], ...]
"""Keys of the schema and values, by key."""


class MetaPerson(msgspec.Struct, frozen=True):
    """A person as Meta is told of them."""

    rows: tuple[Row, ...]


class MetaAudiences:
    """People of segments in custom audiences of Meta."""

    def __init__(self, options: MetaAudience, timeout_s: float) -> None:
        """Raises BadOption."""
        self._options = options
        self._url = checked(options.url)
        self._token = WrittenToken(options.token)
        self._app_secret = resolve(options.app_secret) if is_given(options.app_secret) else ""
        self._calls = ReceiverCalls(timeout_s, options.allow_private, lambda answer: code_of(answer) in EXPIRED)
        self._calls.hidden(self._app_secret)
        self.batching = Batching(deliveries=min(options.batch, MAX_ROWS), bytes=4_000_000)

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Add who entered and remove who left."""
        return self._calls.redacted(await send_batch(deliveries, self._change_of, self._send, MAX_ROWS))

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    def _change_of(self, position: int, delivery: Delivery) -> ReceiverChange[MetaPerson]:
        activation = delivery.activation
        audience = audience_of(activation, self._options.audience, self._options.audiences)
        rows = rows_of(delivery.fields, activation.change == "entered")
        person = activation.profile_id or delivery.key
        return ReceiverChange(
            at=position,
            target=(person, audience),
            keys=frozenset({person, *(value for row in rows for key, value in row if key in ABOUT_ONE and value)}),
            request=("POST" if activation.change == "entered" else "DELETE", audience),
            body=MetaPerson(rows),
            size=len(rows),
        )

    async def _send(self, changes: Sequence[ReceiverChange[MetaPerson]]) -> Settled:
        method, audience = changes[0].request
        form = form_of([change.body for change in changes], new_session())
        url = f"{self._url}/{quote(audience, safe='')}/users"
        answer = await self._calls.call(
            self._token, method, url, lambda token: ({"Content-Type": FORM}, signed(form, token, self._app_secret))
        )
        return answer if not isinstance(answer, Answer) else settled_of(changes, answer)


def rows_of(fields: Mapping[str, object], is_entry: bool) -> tuple[Row, ...]:
    """Return a person's rows: one with the first value of each key, one with the second values, and so on.

    Raises Unsendable for an unknown key, for what is not hashed, and where there is nothing to match a person by.
    """
    unknown = sorted(set(fields) - set(HASHED) - set(AS_THEY_ARE))
    if unknown:
        raise Unsendable(f"Meta knows no key {unknown[0]}; it knows {', '.join((*HASHED, *AS_THEY_ARE))}")
    values = {name: hashes_of(fields, name) if name in HASHED else texts_of(fields, name) for name in sorted(fields)}
    matching = ABOUT_ONE - {"EXTERN_ID"} if is_entry else ABOUT_ONE
    if not any(values.get(name) for name in matching):
        raise Unsendable(
            "nothing names the person: neither an e-mail address nor a phone number nor an id that matches"
        )
    longest = max(map(len, values.values()))
    if len(values.get("EXTERN_ID", ())) == 1:
        values["EXTERN_ID"] *= longest
    rows = zip_longest(*values.values(), fillvalue="")
    return tuple(tuple(zip(values, row, strict=True)) for row in rows)


def new_session() -> int:
    """Return the id of a session that there was not before: Meta ends one with its last request, and refuses it then.

    It is drawn by lot: who was killed between a request and its outcome, or sends a replay, knows of no attempt before.
    """
    return secrets.randbits(62) + 1


def form_of(members: Sequence[MetaPerson], session: int) -> dict[str, bytes]:
    """Return the form of a request without the token: a session of one request, and the rows.

    A key that a row does not have is an empty text in it.
    """
    rows = [row for member in members for row in member.rows]
    schema = sorted({key for row in rows for key, value in row if value})
    return {
        "session": msgspec.json.encode(
            {"session_id": session, "batch_seq": 1, "last_batch_flag": True, "estimated_num_total": len(rows)}
        ),
        "payload": msgspec.json.encode(
            {"schema": schema, "data": [[cells.get(key, "") for key in schema] for cells in map(dict, rows)]}
        ),
    }


def signed(form: Mapping[str, bytes], token: str, app_secret: str) -> bytes:
    """Return the body of a request: the token is in it, never in the address."""
    body = {**form, "access_token": token.encode()}
    if app_secret:
        body["appsecret_proof"] = hmac.new(app_secret.encode(), token.encode(), "sha256").hexdigest().encode()
    return urlencode(body).encode()


def settled_of(changes: Sequence[ReceiverChange[MetaPerson]], answer: Answer) -> Settled:
    """Return what an answer says of each change."""
    said = answer.json()
    error = at(said, "error")
    if answer.status != 200 or error is not None:
        return _failed(answer, error)
    invalid, received = number_at(said, "num_invalid_entries"), number_at(said, "num_received")
    if invalid is None or received is None:
        return Halt(Retry("unavailable", "the answer is not one of the Marketing API", None, Exchange(status=200)))
    summary = f"session {text_at(said, 'session_id')}: {received} received, {invalid} invalid"
    named = _named(changes, at(said, "invalid_entry_samples")) if invalid else {}
    if sum(len(changes[position].body.rows) for position in named) < invalid:
        return Unclear("invalid entry", Exchange(answer=summary, status=200), is_partial=_has_several_rows(changes))
    exchange = Exchange(answer=summary, status=200)
    return [
        Refused("rejected", "invalid entry", exchange, is_partial=_has_several_rows([change]))
        if position in named
        else Delivered(exchange)
        for position, change in enumerate(changes)
    ]


def _has_several_rows(changes: Sequence[ReceiverChange[MetaPerson]]) -> bool:
    """Return whether Meta may have taken a row of somebody and refused another one."""
    return any(len(change.body.rows) > 1 for change in changes)


def code_of(answer: Answer) -> int | None:
    """Return the number of the error in an answer, None if there is none."""
    return number_at(answer.json(), "error", "code")


def _failed(answer: Answer, error: Json) -> Settled:
    code = number_at(error, "code")
    subcode = text_at(error, "error_subcode")
    numbers = f"code {code}" + (f", subcode {subcode}" if subcode else "")
    detail = f"{numbers}: {text_at(error, 'message')}"
    exchange = Exchange(answer=f"{detail} (trace {text_at(error, 'fbtrace_id')})", status=answer.status)
    if code in UNAUTHORISED:
        return Halt(Unauthorised(detail, exchange))
    if code in THROTTLED:
        return Halt(Retry("throttled", detail, wait_of(answer) or regained_at(answer), exchange))
    if code in UNAVAILABLE or at(error, "is_transient") is True:
        return Halt(Retry("unavailable", detail, wait_of(answer), exchange))
    outcome = outcome_of(answer, detail if code is not None else "")
    if isinstance(outcome, Retry | Unauthorised):
        return Halt(outcome)
    return outcome if isinstance(outcome, Refused) else Refused("rejected", detail, exchange)


def regained_at(answer: Answer) -> int | None:
    """Return the milliseconds until calls are taken again, by X-Business-Use-Case-Usage; None if it does not say."""
    usage = json_of(answer.headers.get("x-business-use-case-usage", "").encode())
    entries = [entry for member in values_of(usage) for entry in list_at({"": member}, "")]
    minutes = max((number_at(entry, "estimated_time_to_regain_access") or 0 for entry in entries), default=0)
    return min(minutes * 60_000, LONGEST_RETRY_AFTER_MS) or None


def _named(changes: Sequence[ReceiverChange[MetaPerson]], samples: Json) -> set[int]:
    """Return the positions of those with a value that is among the samples, which are keys or values there."""
    texts = {text for text in (*(samples if isinstance(samples, dict) else ()), *values_of(samples)) if text}
    return {
        position
        for position, change in enumerate(changes)
        if any(value in texts for row in change.body.rows for _, value in row if value)
    }
