"""Options of webhooks: a POST of JSON to an address, signed as Standard Webhooks say."""

import msgspec

from definitions.receivers.values import Secret


class Webhook(msgspec.Struct, frozen=True, tag="webhook", tag_field="type"):
    """`secrets`: the newest first; each signs, so that a receiver may change from one to the next.

    `batch`: deliveries of one request; with 1 the body is an object, else a list of them. `allow_private`: the address
    may lead into a private network.
    """

    url: str
    secrets: tuple[Secret, ...] = ()
    headers: dict[str, str] = {}
    batch: int = 1
    allow_private: bool = False
