"""What of a delivery's fields is said to a chat group. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

NOT_A_CALL = "\u2060"
"""Word joiner: seen by nobody, and behind it a bracket calls nobody."""


class Unsayable(Exception):
    """Of these fields no message can be made; the text says why, and holds no value."""


class ChatText(NamedTuple):
    """What people read; `body`: instead, an object in the robot's own form."""

    text: str
    title: str
    body: Mapping[str, object] | None


def said_of(fields: Mapping[str, object]) -> ChatText:
    """Return what is said: `body`, or `text` and perhaps `title`. Raises Unsayable."""
    body = fields.get("body")
    if body is not None and not isinstance(body, Mapping):
        raise Unsayable("the field 'body' must be an object")
    text, title = _text(fields, "text"), " ".join(_text(fields, "title").split())
    if body is None and not text:
        raise Unsayable("the field 'text' is missing or empty: there is nothing to say")
    return ChatText(text, title, body)


def without_calls(text: str, openings: tuple[str, ...]) -> str:
    """Return a text in which nothing calls people; `openings`: what a call begins with, a bracket first."""
    for opening in openings:
        text = text.replace(opening, opening[0] + NOT_A_CALL + opening[1:])
    return text


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name, "")
    if isinstance(value, bool | int | float):
        value = str(value)
    if value is None or not isinstance(value, str):
        raise Unsayable(f"the field {name!r} must be a text")
    return value.strip().replace("\0", "")
