"""Options of Meta custom audiences: people of a segment are in an audience of an advertising account, as hashes."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from definitions.receivers.audiences import without_audience, wrong_addresses
from definitions.receivers.values import Holds, OptionProblem, Secret


class MetaAudience(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="meta_audience", tag_field="type"):
    """`audience`: the id of the custom audience; `audiences`: one for each segment that has another.

    `token`: of a system user, with `ads_management`. `app_secret`: signs the token (`appsecret_proof`), where the app
    asks for that. `url`: with the version of the Graph API. `allow_private`: it may lead into a private network.
    """

    token: Secret
    audience: str = ""
    audiences: dict[str, str] = {}
    app_secret: Secret = Secret()
    batch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10_000
    url: str = "https://graph.facebook.com/v25.0"
    allow_private: bool = False


PRESET = {
    "EMAIL": {"value": "@identifiers.email[*]", "hash": "sha256", "normalise": "email"},
    "PHONE": {"value": "@identifiers.phone[*]", "hash": "sha256", "normalise": "phone"},
    "EXTERN_ID": {"value": "@profile.id", "hash": "sha256"},
}
"""Keys of Meta's schema: each address and number of a person, and the profile, as hashes."""

CHANNEL = "ads"

KEYS = {
    "token": "Access token of a system user with `ads_management`.",
    "audience": "Id of the custom audience.",
    "audiences": "Ids of custom audiences by segment, for segments that have one of their own.",
    "app_secret": "Secret of the app, where it asks for signed calls (`appsecret_proof`).",
    "batch": "People of one request; Meta takes 10,000.",
    "url": "Address of the Graph API, with its version.",
    "allow_private": "Whether the address may lead into a private network.",
}


def holds(_options: MetaAudience) -> Holds:
    """Return what it holds: an audience holds people."""
    return "states"


def found_by(_options: MetaAudience) -> tuple[str, ...]:
    """Return the fields of the mapping any of which names somebody."""
    return ("EMAIL", "PHONE", "EXTERN_ID", "MADID")


def problems(options: MetaAudience) -> Iterator[OptionProblem]:
    """Yield what is missing or contradicts."""
    yield from without_audience(options.audience, options.audiences)
    yield from wrong_addresses({"url": options.url}, allow_private=options.allow_private)
