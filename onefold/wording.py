"""Evidence in words, literally or as JSON: what the commands print of links, reasons and values that anybody sent.

Looking it up is `warehouse/queries`' matter, choosing what to print the command's.
"""

import json

import msgspec
from rich.text import Text

from runtime.literal import literal, literal_json
from schemas.changes import OPERATOR
from schemas.records import Identifier
from warehouse.queries.links import ShownLink
from warehouse.queries.quarantine import WaitingLink

_WORDS = {
    "fan_in": "it would join suspiciously many profiles",
    "shared": "several persons use the device",
    "sign_in": "a sign-in became known after events of its time had been counted for somebody else",
    "first_owner": "the device stays with the first person who signed in on it",
    "forbidden": "an operator keeps the two apart",
    "unmerged": "an operator unmerged them",
    "retracted": "an operator took the evidence back",
    "allowed": "an operator allows what was forbidden; it is decided anew when it is next seen",
}
_WORDS_OF = {
    "limit": "a profile may not have more of {}",
    "veto": "two different values of {} never belong to one person",
    "cap": "the profile has as many {} as are allowed",
    "retention": "events before {} were dropped, so the profiles lack them",
}


def json_text(value: object) -> str:
    """Return a value or struct as one line of JSON, digits as they are; what does not show is escaped."""
    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    except UnicodeEncodeError:  # the name of a file need not be UTF-8
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
    return literal_json(text)


def shown_json(value: msgspec.Raw) -> str:
    """Return a JSON value as people read it: a string without its quotes, anything else as JSON, to the digit."""
    text = bytes(value)
    if text.startswith(b'"'):
        return msgspec.json.decode(text, type=str)
    return msgspec.json.format(text, indent=0).decode()


def in_words(reason: str) -> str:
    """Return a link's reason with what it means: `limit:email (a profile may not have more of email)`."""
    kind, _, namespace = reason.partition(":")
    words = _WORDS_OF[kind].format(namespace) if kind in _WORDS_OF and namespace else _WORDS.get(reason)
    return literal(f"{reason} ({words})" if words else reason)


def pair(left: Identifier, right: Identifier) -> Text:
    """Return the two ends of a link."""
    return Text.assemble((literal(left), "cyan"), " + ", (literal(right), "cyan"))


def shown_event(link: ShownLink | WaitingLink) -> str:
    """Say which event or operator showed a link, when, from where and under which rules."""
    if link.source == OPERATOR and not link.message_id:
        return literal(f"by hand, at {link.occurred_at}, rules {link.rule_version}")
    name = f' "{link.event}"' if link.event else ""
    origin = f"message {link.message_id} of {link.occurred_at} from {link.source}"
    return literal(f"{link.type or 'event'}{name}, {origin}, rules {link.rule_version}")


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 link`, `2 links`, `2 deliveries`."""
    several = f"{noun.removesuffix('y')}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else several}"
