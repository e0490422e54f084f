"""Options of Salesforce: each segment is a field of a record, true or false; further fields by the mapping."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from definitions.receivers.audiences import wrong_addresses
from definitions.receivers.values import Holds, OptionProblem, Secret


class Salesforce(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="salesforce", tag_field="type"):
    """`url`: the My Domain address, such as https://shop.my.salesforce.com.

    Credentials: `client_id` and `client_secret` of a connected app (client credentials); with `refresh_token` that
    one is used. `external_id`: the field by which a record is found. `field`: which one says that a record is in a
    segment; `{segment}` is the segment's name, with `_` for what is no letter or digit. `wait_ms`: how long a job may
    take before it is aborted and tried again: less than the destination's `timeout`. `allow_private`: the address may
    lead into a private network.
    """

    url: str
    client_id: str
    client_secret: Secret
    refresh_token: Secret = Secret()
    object: str = "Contact"
    external_id: str = "Onefold_Id__c"
    field: str = "In_{segment}__c"
    wait_ms: Annotated[int, msgspec.Meta(ge=1_000)] = 60_000
    batch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 5_000
    version: str = "v66.0"
    token_url: str = ""
    allow_private: bool = False


PRESET = {
    "id": {"value": "@profile.id", "required": True},
    "record": {"Email": {"value": "@identifiers.email", "normalise": "email"}},
    "segment": "@name",
    "change": "@change",
}
"""`id` finds the record; `segment` and `change` become the field of the segment; `record` has further fields."""

KEYS = {
    "url": "My Domain address of the organisation.",
    "client_id": "Consumer key of the connected app.",
    "client_secret": "Consumer secret of the connected app.",
    "refresh_token": "Refresh token; without one the app speaks for itself (client credentials).",
    "object": "Object whose records are written.",
    "external_id": "Field by which a record is found; it must be an external id and unique.",
    "field": "Field that says whether a record is in the segment; `{segment}` is its name.",
    "wait": "How long a job may take before it is aborted and tried again; less than `timeout`.",
    "batch": "Records of one job.",
    "version": "Version of the API.",
    "token_url": "Address that grants access tokens, where that is not the organisation's own.",
    "allow_private": "Whether the address may lead into a private network.",
}


def holds(_options: Salesforce) -> Holds:
    """Return what it holds: a record has its last values."""
    return "states"


def found_by(_options: Salesforce) -> tuple[str, ...]:
    """Return the field of the mapping which names a record."""
    return ("id",)


def problems(options: Salesforce) -> Iterator[OptionProblem]:
    """Yield what is missing or contradicts."""
    yield from wrong_addresses(
        {"url": options.url, "token_url": options.token_url}, allow_private=options.allow_private
    )
