"""Webhooks: a request of JSON for each delivery, or for a batch, signed as Standard Webhooks say."""

import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from schemas.identity import stable_id
from sinks.destinations.contract import Batching, Delivered, Delivery, Outcome, Refused
from sinks.destinations.http.addresses import why_no_url
from sinks.destinations.http.inner import inner_outcome, item_outcomes
from sinks.destinations.http.outcomes import outcome_of
from sinks.destinations.http.session import Answer, HttpSession
from sinks.destinations.http.signing import signature_headers, signer
from sinks.destinations.secrets import BadOption, resolve

MAX_BODY_BYTES = 1_000_000

_encode = msgspec.json.Encoder().encode


class WebhookDestination:
    """Sends each delivery once, by itself or in a batch; the receiver knows a repetition by `webhook-id`."""

    holds: Literal["states", "events"] = "events"

    def __init__(self, options: Webhook, timeout_s: float, connections: int = 64) -> None:
        """Raises MissingSecret, BadOption."""
        self.batching = Batching(options.batch, MAX_BODY_BYTES)
        self._options = options
        self._url = _plain(options.url)
        if (reason := why_no_url(self._url)) is not None:
            raise BadOption(f"url: {reason}")
        secrets = [resolve(secret) for secret in options.secrets]
        self._signers = [signer(secret) for secret in secrets]
        self._headers = {name: _plain(value) for name, value in options.headers.items()}
        hidden = [_plain(value) for value in (options.url, *options.headers.values()) if isinstance(value, Secret)]
        self._session = HttpSession(
            timeout_s, [*secrets, *hidden], allow_private=options.allow_private, connections=connections
        )

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send deliveries by one request."""
        is_batch = self._options.batch > 1
        body = _encode([each.fields for each in deliveries] if is_batch else deliveries[0].fields)
        if len(body) > MAX_BODY_BYTES:
            detail = f"the body is {len(body)} bytes long, {MAX_BODY_BYTES} are allowed"
            return [Refused("too_large", detail)] * len(deliveries)
        key = stable_id("|".join(each.key for each in deliveries)) if is_batch else deliveries[0].key
        headers = self._headers | {"Content-Type": "application/json", "Idempotency-Key": key}
        headers |= signature_headers(self._signers, key, int(time.time()), body)
        answer = await self._session.request(self._options.method, self._url, body, headers)
        if not isinstance(answer, Answer):
            return [answer] * len(deliveries)
        return self._outcomes(answer, len(deliveries))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _outcomes(self, answer: Answer, number: int) -> Sequence[Outcome]:
        outcome = outcome_of(answer.status, answer.headers, answer.exchange)
        options = self._options
        if isinstance(outcome, Delivered) and options.failure is not None:
            outcome = inner_outcome(answer.json(), options.failure, answer.exchange)
        if isinstance(outcome, Delivered) and options.results is not None:
            return item_outcomes(answer.json(), options.results, number, answer.exchange)
        return [outcome] * number


def _plain(value: str | Secret) -> str:
    return resolve(value) if isinstance(value, Secret) else value
