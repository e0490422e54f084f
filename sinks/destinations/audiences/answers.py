"""Answers of receivers of audiences: their JSON, read without trust, and what a status means. Pure."""

from typing import TypeAlias

import msgspec

from sinks.destinations.contract import Delivered, Exchange, Outcome
from sinks.destinations.http.outcomes import outcome_of as by_status
from sinks.destinations.http.outcomes import retry_after_ms
from sinks.destinations.http.session import Answer

MAX_MESSAGE_CHARS = 65_536
"""Cut short only once secrets are removed: of one that is cut nobody would know that it is one."""

Json: TypeAlias = object


def at(value: Json, *path: str) -> Json:
    """Return what is at a path of names, None if it is not there."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text_at(value: Json, *path: str) -> str:
    """Return the text or number at a path, cut; empty if there is none."""
    member = at(value, *path)
    is_plain = isinstance(member, str | int | float) and not isinstance(member, bool)
    return str(member)[:MAX_MESSAGE_CHARS] if is_plain else ""


def number_at(value: Json, *path: str) -> int | None:
    """Return the whole number at a path, also of a text; None if there is none."""
    text = text_at(value, *path)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else None


def list_at(value: Json, *path: str) -> list[Json]:
    """Return the list at a path; empty if there is none."""
    member = at(value, *path)
    return member if isinstance(member, list) else []


def values_of(value: Json) -> list[Json]:
    """Return the values of an object; empty if it is none."""
    return list(value.values()) if isinstance(value, dict) else []


def wait_of(answer: Answer) -> int | None:
    """Return the milliseconds of Retry-After, bounded; None if there are none."""
    return retry_after_ms(answer.headers.get("retry-after"))


def outcome_of(answer: Answer, message: str = "") -> Outcome:
    """Return what a status means where a receiver has no meaning of its own for it. `message`: what it says of that."""
    message = message or _text_of(answer)
    detail = f"status {answer.status}" + (f": {message[:MAX_MESSAGE_CHARS]}" if message else "")
    outcome = by_status(
        answer.status,
        {"Retry-After": answer.headers.get("retry-after", "")},
        Exchange(answer=message, status=answer.status),
    )
    return outcome if isinstance(outcome, Delivered) or not message else msgspec.structs.replace(outcome, detail=detail)


def _text_of(answer: Answer) -> str:
    """Return the beginning of an answer that is none of the service's: a proxy's page, a plain text."""
    is_of_service = isinstance(answer.json(), dict | list)
    return "" if is_of_service else answer.body[:MAX_MESSAGE_CHARS].decode(errors="replace")
