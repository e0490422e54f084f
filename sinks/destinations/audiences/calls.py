"""Calls a receiver with an access token, renewed once when it is not accepted; keeps secrets out of outcomes."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlencode

import msgspec

from definitions.receivers.http import why_no_url
from sinks.destinations.audiences.sending import Halt
from sinks.destinations.audiences.tokens import NoToken, Tokens
from sinks.destinations.contract import Exchange, Outcome, Refused, Retry
from sinks.destinations.http.redaction import Redactor, redacted
from sinks.destinations.http.session import Answer, HttpSession
from sinks.destinations.secrets import BadOption

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MAX_ANSWER_BYTES = 16_000_000
"""A receiver names each of up to 10,000 that it refuses."""

MAX_SECRETS = 32
"""So many are looked for in what is kept: the last tokens, and what they were granted for."""

_PUBLIC = frozenset({"grant_type", "client_id"})

Request: TypeAlias = Callable[[str], tuple[Mapping[str, str], bytes]]
"""Makes headers and body with an access token."""


class ReceiverCalls:
    """The calls of one destination. `is_expired`: whether an answer says that the token is not accepted."""

    def __init__(self, timeout_s: float, allow_private: bool, is_expired: Callable[[Answer], bool]) -> None:
        self._timeout_s = timeout_s
        self._allow_private = allow_private
        self._is_expired = is_expired
        self._session: HttpSession | None = None
        self._secrets: dict[str, None] = {}

    async def call(self, tokens: Tokens, method: str, url: str, request: Request) -> Answer | Halt | Refused:
        """Send a request; when the token is not accepted, once more with another one."""
        try:
            token = self.hidden(await tokens.token())
            answer = await self._send(method, url, *request(token))
            if isinstance(answer, Answer) and self._is_expired(answer):
                tokens.reject(token)
                renewed = self.hidden(await tokens.token())
                if renewed != token:
                    answer = await self._send(method, url, *request(renewed))
        except NoToken as error:
            return error.outcome if isinstance(error.outcome, Refused) else Halt(error.outcome)
        return Halt(answer) if isinstance(answer, Retry) else answer

    async def post_form(self, url: str, form: Mapping[str, str]) -> Answer | Retry | Refused:
        """Post a form without a token: all but its type and the client's id is secret."""
        for name in form.keys() - _PUBLIC:
            self.hidden(form[name])
        return await self._send("POST", url, {"Content-Type": FORM}, urlencode(form).encode())

    def hidden(self, secret: str) -> str:
        """Return a secret, which no outcome shows from now on."""
        self._secrets.pop(secret, None)
        self._secrets[secret] = None
        for oldest in list(self._secrets)[:-MAX_SECRETS]:
            del self._secrets[oldest]
        return secret

    def redacted(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Return outcomes without the secrets that were used."""
        return redacted(outcomes, Redactor(self._secrets))

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer | Retry | Refused:
        # Made within the loop that uses it.
        self._session = self._session or HttpSession(self._timeout_s, allow_private=self._allow_private)
        answer = await self._session.request(method, url, body, headers, MAX_ANSWER_BYTES)
        kept = Exchange(request=f"{method} {url}")  # the rest names everybody in it, and the token
        if isinstance(answer, Answer):
            return answer._replace(exchange=kept)
        return msgspec.structs.replace(answer, exchange=kept)


def checked(url: str) -> str:
    """Return the address of an API without a slash at its end. Raises BadOption."""
    if (reason := why_no_url(url)) is not None:
        raise BadOption(f"url: {reason}")
    return url.rstrip("/")


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries an access token."""
    return {"Authorization": f"Bearer {token}"}
