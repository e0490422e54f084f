"""Options of webhooks: a POST of JSON to an address, signed as Standard Webhooks say."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from definitions.receivers.http import (
    InnerStatus,
    ItemResults,
    is_secret_header,
    why_no_header,
    why_no_url,
)
from definitions.receivers.values import Holds, OptionProblem, Secret

PRESET = {
    "type": "{{ kind }}.{{ change }}",
    "id": "@key",
    "timestamp": "@happened_at",
    "data": {
        "workspace": "@workspace",
        "name": "@name",
        "change": "@change",
        "profile_id": "@profile.id",
        "version": "@version",
        "cause": "@cause",
        "identifiers": "@identifiers",
        "traits": "@traits",
        "payload": "@payload",
        "across": "@across",
    },
}
"""The body of which no mapping is written: the whole activation, with the traits that the destination asks for."""


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="webhook", tag_field="type"):
    """`secrets`: the newest first; each signs, so that a receiver may change from one to the next.

    `batch`: deliveries of one request; with 1 the body is an object, else a list of them. `allow_private`: the address
    may lead into a private network. `failure`: how an answer of status 200 says that it is none. `results`: how the
    answer to a batch says what became of each. `keeps_members`: the receiver holds states.
    """

    url: str | Secret
    secrets: tuple[Secret, ...] = ()
    headers: dict[str, str | Secret] = {}
    method: Literal["POST", "PUT"] = "POST"
    batch: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    allow_private: bool = False
    failure: InnerStatus | None = None
    results: ItemResults | None = None
    keeps_members: bool = False


KEYS = {
    "url": "Address; as a secret if it holds one.",
    "secrets": "Secrets that sign, the newest first: `whsec_` (HMAC-SHA256) or `whsk_` (ed25519), then base64.",
    "headers": "Further headers; their values may be secrets.",
    "method": "POST or PUT.",
    "batch": "Deliveries of one request; with 1 the body is an object, else a list of them.",
    "allow_private": "Whether the address may lead into a private network.",
    "failure": "How an answer of status 200 says that it is none.",
    "results": "How the answer to a batch says what became of each delivery.",
    "keeps_members": "Whether it keeps who is in a segment: then the exit of whom it may hold is always sent.",
}


def holds(options: Webhook) -> Holds:
    """Return what it holds, as the file says."""
    return "states" if options.keeps_members else "events"


def problems(options: Webhook) -> Iterator[OptionProblem]:
    """Yield what is wrong with the address and the headers, as far as they are not secret."""
    if isinstance(options.url, str) and (reason := why_no_url(options.url)) is not None:
        yield OptionProblem("url", f"the address cannot be sent to: {reason}")
    for name, value in options.headers.items():
        if (reason := why_no_header(name, value if isinstance(value, str) else "")) is not None:
            yield OptionProblem("headers", f"the header {name!r} cannot be sent: {reason}")
        elif isinstance(value, str) and is_secret_header(name):
            message = f"the header {name!r} is a secret, and a file of definitions is no place for one"
            yield OptionProblem("headers", message, f"by reference: `{name}: {{env: NAME}}` or `{{file: PATH}}`")
    if options.results is not None and options.batch == 1:
        yield OptionProblem("results", "a batch of 1 has no list of results", "say `batch`, or `failure` instead")
