"""Webhooks: a request of JSON for each delivery, or for a batch, signed as Standard Webhooks say."""

import time
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from definitions.receivers.http import why_no_header, why_no_url
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from schemas.identity import stable_id
from sinks.destinations.contract import Batching, Delivered, Delivery, Exchange, Outcome, Refused, Retry
from sinks.destinations.http.inner import item_outcomes, outcome_within, unsaid
from sinks.destinations.http.outcomes import outcome_of
from sinks.destinations.http.redaction import SHORTEST_SECRET, is_secret_name, secrets_of_header, secrets_of_url
from sinks.destinations.http.session import Answer, HttpSession
from sinks.destinations.http.signing import signature_headers, signer
from sinks.destinations.secrets import BadOption, resolve

MAX_BODY_BYTES = 1_000_000

_ABOUT_THE_BODY = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Refusals of a batch that one of its deliveries may have caused."""

_encode = msgspec.json.Encoder().encode


class WebhookDestination:
    """Sends each delivery once, by itself or in a batch; the receiver knows a repetition by `webhook-id`."""

    def __init__(self, options: Webhook, timeout_s: float) -> None:
        """Raises MissingSecret, BadOption."""
        self.batching = Batching(options.batch, MAX_BODY_BYTES)
        self._options = options
        self._is_batched = options.batch > 1
        self._url = _plain(options.url)
        if (reason := why_no_url(self._url)) is not None:
            raise BadOption(f"url: {reason}")
        secrets = [resolve(secret) for secret in options.secrets]
        self._signers = [signer(secret) for secret in secrets]
        self._headers, hidden = _headers(options)
        hidden |= secrets_of_url(self._url, is_secret=isinstance(options.url, Secret))
        self._searches_until_s = timeout_s / 2
        self._session = HttpSession(
            timeout_s,
            [*secrets, *hidden],
            allow_private=options.allow_private,
            keeps_bodies=not self._is_batched,
        )

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send deliveries by one request; by more if the receiver refuses all because of some."""
        bodies = [_body_of(delivery) for delivery in deliveries]
        sendable = [(each, body) for each, body in zip(deliveries, bodies, strict=True) if isinstance(body, bytes)]
        outcomes = iter(await self._send_all(sendable, time.monotonic() + self._searches_until_s) if sendable else ())
        settled = [next(outcomes) if isinstance(body, bytes) else body for body in bodies]
        return [self._shown_alone(*pair) for pair in zip(settled, bodies, strict=True)] if self._is_batched else settled

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _send_all(self, pairs: Sequence[tuple[Delivery, bytes]], until_s: float) -> Sequence[Outcome]:
        """Send deliveries; halve what is refused as a whole, so that nobody is refused for another one's sake."""
        answer = await self._request(pairs)
        if not isinstance(answer, Answer):
            return [answer] * len(pairs)
        if len(pairs) == 1 or answer.status not in _ABOUT_THE_BODY:
            return self._outcomes(answer, len(pairs))
        if time.monotonic() > until_s:
            detail = "the receiver refuses a batch, and there was no time left to find out because of which delivery"
            return [Retry("unavailable", detail, 0, answer.exchange, is_receivers=False)] * len(pairs)
        middle = len(pairs) // 2
        return [*await self._send_all(pairs[:middle], until_s), *await self._send_all(pairs[middle:], until_s)]

    async def _request(self, pairs: Sequence[tuple[Delivery, bytes]]) -> Answer | Retry | Refused:
        if self._is_batched:
            key = stable_id("|".join(delivery.key for delivery, _ in pairs))
            body = b"[" + b",".join(body for _, body in pairs) + b"]"
        else:
            key, body = pairs[0][0].key, pairs[0][1]
        headers = {**self._headers, "Idempotency-Key": key}
        headers |= signature_headers(self._signers, key, int(time.time()), body)
        return await self._session.request(self._options.method, self._url, body, headers)

    def _shown(self, result: object) -> str:
        return self._session.kept("", _encode(result))

    def _shown_alone(self, outcome: Outcome, body: bytes | Refused) -> Outcome:
        """Return an outcome with the one delivery of a batch that it is about: the others are about other people."""
        if isinstance(body, Refused):
            return outcome
        exchange = outcome.exchange
        request = self._session.kept(exchange.request, b"[%s]" % body)
        return msgspec.structs.replace(outcome, exchange=Exchange(request, exchange.answer, exchange.status))

    def _outcomes(self, answer: Answer, number: int) -> Sequence[Outcome]:
        outcome = outcome_of(answer.status, answer.headers, answer.exchange)
        options = self._options
        if not isinstance(outcome, Delivered):
            return [outcome] * number
        if options.failure is not None:
            outcome = outcome_within(answer, options.failure)
        if isinstance(outcome, Delivered) and options.results is not None:
            return item_outcomes(answer.json(), options.results, number, answer.exchange, self._shown)
        if number > 1:
            outcome = msgspec.structs.replace(outcome, exchange=unsaid(outcome.exchange))
        return [outcome] * number


def _body_of(delivery: Delivery) -> bytes | Refused:
    try:
        body = _encode(delivery.fields)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return Refused("unmappable", f"the fields cannot be written as JSON: {type(error).__name__}")
    if len(body) > MAX_BODY_BYTES:
        return Refused("too_large", f"the body is {len(body)} bytes long, {MAX_BODY_BYTES} are allowed")
    return body


def _headers(options: Webhook) -> tuple[dict[str, str], set[str]]:
    """Return the headers of every request, and what must not be kept of them. Raises MissingSecret, BadOption."""
    headers = {"Content-Type": "application/json"}
    hidden: set[str] = set()
    for name, written in options.headers.items():
        value = _plain(written)
        if (reason := why_no_header(name, value)) is not None:
            raise BadOption(f"headers: {name!r}: {reason}")
        if isinstance(written, Secret) and len(value) < SHORTEST_SECRET:
            raise BadOption(f"headers: {name!r}: a secret of less than {SHORTEST_SECRET} characters cannot be hidden")
        if isinstance(written, Secret) or is_secret_name(name):
            hidden |= secrets_of_header(value)
        headers["Content-Type" if name.lower() == "content-type" else name] = value
    return headers, hidden


def _plain(value: str | Secret) -> str:
    return resolve(value) if isinstance(value, Secret) else value
