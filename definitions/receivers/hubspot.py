"""Options of HubSpot: each segment is a property of a contact, true or false; further properties by the mapping."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from definitions.receivers.audiences import wrong_addresses
from definitions.receivers.values import Holds, OptionProblem, Secret


class HubSpot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="hubspot", tag_field="type"):
    """`token`: of a private app, with `crm.objects.contacts.write`.

    `id_property`: the property by which a contact is found: `email`, or one of your own that is unique. `property`:
    which one says that a contact is in a segment; `{segment}` is the segment's name, with `_` for what is no letter
    or digit. `allow_private`: the address may lead into a private network.
    """

    token: Secret
    id_property: str = "email"
    property: str = "onefold_{segment}"
    batch: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100
    url: str = "https://api.hubapi.com"
    allow_private: bool = False


PRESET = {
    "id": {"value": "@identifiers.email", "normalise": "email", "required": True},
    "segment": "@name",
    "change": "@change",
}
"""`id` finds the contact; `segment` and `change` become the property of the segment; `properties` are further ones."""

KEYS = {
    "token": "Access token of a private app with `crm.objects.contacts.write`.",
    "id_property": "Property by which a contact is found: `email`, or a unique one of your own.",
    "property": "Property that says whether a contact is in the segment; `{segment}` is its name.",
    "batch": "Contacts of one request; HubSpot takes 100.",
    "url": "Address of the API.",
    "allow_private": "Whether the address may lead into a private network.",
}


def holds(_options: HubSpot) -> Holds:
    """Return what it holds: a record has its last values."""
    return "states"


def found_by(_options: HubSpot) -> tuple[str, ...]:
    """Return the field of the mapping which names a contact."""
    return ("id",)


def problems(options: HubSpot) -> Iterator[OptionProblem]:
    """Yield what is missing or contradicts."""
    yield from wrong_addresses({"url": options.url}, allow_private=options.allow_private)
