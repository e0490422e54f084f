"""What an HTTP status means for a delivery. Pure."""

import email.utils
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from http import HTTPStatus

from sinks.destinations.contract import Delivered, Exchange, Outcome, Refused, Retry, Unauthorised

LONGEST_RETRY_AFTER_MS = 72 * 3_600_000
"""A receiver that asks for more is asked again then."""

_UNAUTHORISED = frozenset({401, 402, 403, 407})
_PATIENCE = frozenset({408, 421, 423, 425})
"""Of these another attempt may succeed; the receiver says so of itself with 500 and above."""


def outcome_of(
    status: int, headers: Mapping[str, str], exchange: Exchange, now_s: Callable[[], float] = time.time
) -> Outcome:
    """Return what a status means. `headers`: by name, whatever its case. `now_s`: the time since 1970, in s."""
    said = f"answered {status} {_phrase(status)}".rstrip()
    if 200 <= status < 300:
        return Delivered(exchange)
    is_throttled = status == HTTPStatus.TOO_MANY_REQUESTS
    if is_throttled or status >= 500 or status in _PATIENCE:
        after_ms = retry_after_ms(headers.get("Retry-After"), now_s)
        return Retry("throttled" if is_throttled else "unavailable", said, after_ms, exchange)
    if status in _UNAUTHORISED:
        return Unauthorised(said, exchange)
    if 300 <= status < 400:
        said += ": redirects are not followed, name the address that it leads to"
    too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return Refused("too_large" if too_large else "rejected", said, exchange)


def retry_after_ms(value: str | None, now_s: Callable[[], float] = time.time) -> int | None:
    """Return for how long a receiver asks to be left alone (RFC 9110, 10.2.3); None where it does not say so."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(int(text.lstrip("0")[:9] or "0") * 1000, LONGEST_RETRY_AFTER_MS)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(round((at.timestamp() - now_s()) * 1000), 0), LONGEST_RETRY_AFTER_MS)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
