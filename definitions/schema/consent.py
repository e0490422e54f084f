"""The schema of `consent.yaml`, put together from its reader's tables; which names it defines is left to the reader."""

from definitions.reading.consent import (
    CONSENT,
    DEFAULTS,
    MAX_CATEGORIES,
    MAX_CHANNELS,
    MAX_PURPOSES,
    MAX_TRAITS,
    MAX_VERSION,
    PURPOSE,
    SAID_BY_TRAIT,
    SAYS,
)
from definitions.schema.forms import NARROW_NAME, PATH, SCALAR, TEXT, Schema, list_of, names_of, object_of
from schemas.consent import ALL

_OWN_NAME: Schema = {**NARROW_NAME, "not": {"const": ALL}}


def consent_schema() -> Schema:
    """Return the schema of the one document of the file."""
    purpose = object_of(
        PURPOSE,
        {
            "purpose": _OWN_NAME,
            "title": TEXT,
            "default": {"enum": list(DEFAULTS)},
            "text": {**TEXT, "maxLength": MAX_VERSION},
        },
        required=["purpose", "default"],
    )
    by_trait = object_of(
        SAID_BY_TRAIT,
        {"trait": PATH, "equals": SCALAR, "says": {"enum": list(SAYS)}, "purpose": NARROW_NAME, "channel": NARROW_NAME},
        required=["trait"],
    )
    categories: Schema = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MAX_CATEGORIES,
        "additionalProperties": NARROW_NAME,
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Onefold consent",
        "description": "The file consent.yaml: purposes and channels of sending, and what says yes or no to them.",
        **object_of(
            CONSENT,
            {
                "purposes": list_of(purpose, MAX_PURPOSES),
                "channels": names_of(_OWN_NAME, MAX_CHANNELS),
                "categories": categories,
                "traits": list_of(by_trait, MAX_TRAITS),
            },
            required=["purposes"],
        ),
    }
