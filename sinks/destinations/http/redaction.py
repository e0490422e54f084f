"""Removes secrets from what is kept of requests and answers, however they are written there."""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from sinks.destinations.contract import MAX_EXCHANGE_CHARS

REMOVED = "***"
_MIN_SECRET = 4
"""Shorter ones would remove half of a text; a definition refuses them."""


class Redactor:
    """Knows the secrets of one destination."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets if len(secret) >= _MIN_SECRET for spelling in _spellings(secret)}
        self._spellings = sorted(spellings, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return a text without secrets, cut to what is kept."""
        for spelling in self._spellings:
            text = text.replace(spelling, REMOVED)
        return text if len(text) <= MAX_EXCHANGE_CHARS else text[: MAX_EXCHANGE_CHARS - 1] + "…"


def _spellings(secret: str) -> set[str]:
    encoded = secret.encode()
    return {
        secret,
        secret.removeprefix("whsec_").removeprefix("whsk_"),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        base64.b64encode(encoded).decode(),
        base64.urlsafe_b64encode(encoded).decode(),
        base64.urlsafe_b64encode(encoded).decode().rstrip("="),
    } - {""}
