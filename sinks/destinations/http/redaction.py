"""Removes secrets from what is kept of requests and answers, however they are written there."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import msgspec

from sinks.destinations.contract import MAX_EXCHANGE_CHARS, Delivered, Exchange, Outcome

REMOVED = "***"

SHORTEST_SECRET = 4
"""In characters: to remove a shorter one would remove half of a text."""

_SHORTEST_PIECE = 8
"""Of a URL or of base64: what is shorter is no secret, or says nothing of one."""
_SECRET_NAME = re.compile(r"token|key|secret|sign|auth|password|passwd|pwd|credential|cookie|^sig$", re.IGNORECASE)
_QUERY_VALUE = re.compile(r"(?<=[?&])([^=&#\s]+)=([^&#\s]*)")


class Redactor:
    """Knows the secrets of one destination."""

    def __init__(self, secrets: Iterable[str]) -> None:
        kept = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
        spellings = {spelling for secret in kept for spelling in _spellings(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def __call__(self, text: str) -> str:
        """Return a text without secrets, cut to what is kept."""
        if self._secrets is not None:
            text = self._secrets.sub(REMOVED, text)
        return text if len(text) <= MAX_EXCHANGE_CHARS else text[: MAX_EXCHANGE_CHARS - 1] + "…"


def redacted(outcomes: Sequence[Outcome], redact: Redactor) -> Sequence[Outcome]:
    """Return outcomes without secrets in what is kept of them. Of a batch many are one: it is cleaned once."""
    clean = {id(outcome): _redacted(outcome, redact) for outcome in {id(each): each for each in outcomes}.values()}
    return [clean[id(outcome)] for outcome in outcomes]


def is_secret_name(name: str) -> bool:
    """Return whether what a header or a query parameter of this name says is secret."""
    return _SECRET_NAME.search(name) is not None


def shown_url(url: str) -> str:
    """Return a URL without the values of parameters whose names say that they are secret."""
    return _QUERY_VALUE.sub(lambda pair: f"{pair[1]}={REMOVED if is_secret_name(pair[1]) else pair[2]}", url)


def secrets_of_url(url: str, *, is_secret: bool) -> set[str]:
    """Return what must not be kept of a URL: the whole if it `is_secret`, and what an answer may repeat of it."""
    parts = urlsplit(url)
    named = {value for name, value in parse_qsl(parts.query) if is_secret_name(name)}
    if not is_secret:
        return named
    tail = parts.path + (f"?{parts.query}" if parts.query else "")
    values = {value for _, value in parse_qsl(parts.query)}
    pieces = {unquote(piece) for piece in (tail, parts.path, *parts.path.split("/"))} | {tail, parts.path} | values
    return named | {url} | {piece for piece in pieces if len(piece) >= _SHORTEST_PIECE}


def secrets_of_header(value: str) -> set[str]:
    """Return what must not be kept of a secret header: `Bearer X` is X as well, `Basic X` what it is made of."""
    scheme, _, credentials = value.partition(" ")
    pieces = {value, credentials.strip()}
    if scheme.lower() == "basic":
        try:
            user_and_password = base64.b64decode(credentials.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return pieces - {""}
        pieces |= {user_and_password, user_and_password.partition(":")[2]}
    return pieces - {""}


def _redacted(outcome: Outcome, redact: Redactor) -> Outcome:
    exchange = Exchange(redact(outcome.exchange.request), redact(outcome.exchange.answer), outcome.exchange.status)
    if isinstance(outcome, Delivered):
        return Delivered(exchange)
    return msgspec.structs.replace(outcome, detail=redact(outcome.detail), exchange=exchange)


def _spellings(secret: str) -> set[str]:
    bare = secret.removeprefix("whsec_").removeprefix("whsk_")
    percent = quote(secret, safe="")
    encoded = {piece for text in {secret, bare} for piece in _base64_pieces(text.encode())}
    return encoded | {
        secret,
        bare,
        percent,
        re.sub("%..", lambda match: match[0].lower(), percent),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        secret.encode().hex(),
        secret.encode().hex().upper(),
    } - {""}


def _base64_pieces(secret: bytes) -> set[str]:
    """Return what base64 has of a secret wherever it stands in what was encoded: three places of a group of bytes."""
    pieces = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret)
        first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
        piece = text[first:last].decode()
        if len(piece) >= _SHORTEST_PIECE:
            pieces |= {piece, piece.replace("+", "-").replace("/", "_")}
    return pieces
