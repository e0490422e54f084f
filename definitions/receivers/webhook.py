"""Options of webhooks: a POST of JSON to an address, signed as Standard Webhooks say."""

from typing import Literal

import msgspec

from definitions.receivers.http import InnerStatus, ItemResults
from definitions.receivers.values import Secret

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


class Webhook(msgspec.Struct, frozen=True, tag="webhook", tag_field="type"):
    """`secrets`: the newest first; each signs, so that a receiver may change from one to the next.

    `batch`: deliveries of one request; with 1 the body is an object, else a list of them. `allow_private`: the address
    may lead into a private network. `failure`: how an answer of status 200 says that it is none. `results`: how the
    answer to a batch says what became of each.
    """

    url: str | Secret
    secrets: tuple[Secret, ...] = ()
    headers: dict[str, str | Secret] = {}
    method: Literal["POST", "PUT"] = "POST"
    batch: int = 1
    allow_private: bool = False
    failure: InnerStatus | None = None
    results: ItemResults | None = None
