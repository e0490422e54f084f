"""The schema of destinations: one form for each type, and that of mappings."""

from definitions.destinations import CHANGES, MAX_CONCURRENCY, TOPIC
from definitions.mapping import ITEM, ROOTS
from definitions.normalising import NORMALISATIONS
from definitions.reading import keys
from definitions.reading.destinations import (
    MAX_CAPS,
    MAX_IN_CAP,
    MAX_RATE,
    MAX_TRAITS_OF_DESTINATION,
    TYPES,
)
from definitions.reading.mapping import ACTIVATION_KINDS, HASHES, MAX_FIELD_NAME
from definitions.receivers import Receiver
from definitions.receivers.kinds import KINDS, channel_of, meanings
from definitions.schema.forms import (
    BOOLEAN,
    DURATION,
    NARROW_NAME,
    QUIET_HOURS,
    SCALAR,
    TEXT,
    Properties,
    Schema,
    head_of,
    list_of,
    names_of,
    object_of,
)
from definitions.schema.options import option_properties, required_keys
from definitions.templates import MAX_LONG_TEMPLATE

_ENTRY: Schema = {"$ref": "#/definitions/mapped"}
_FIELDS: Schema = {"$ref": "#/definitions/mapping"}
_WHEN: Schema = {"$ref": "#/definitions/when_sent"}
_VALUE: Schema = {"type": ["string", "number", "boolean", "null"], "maxLength": MAX_LONG_TEMPLATE}
_MADE_OPTIONS = [key for key in keys.MADE if key != "value"]


def destination_forms() -> Schema:
    """Return a destination; which keys it has depends on its type."""
    properties = _common()
    topic = object_of(keys.DESTINATION, properties, ["destination"])
    is_topic: Schema = {"properties": {"type": {"const": TOPIC}}}  # also where there is no type
    forms = [{"if": _is_of(name), "then": _of(kind)} for name, kind in KINDS.items()]
    described: Schema = {"type": {"enum": list(TYPES), "description": keys.DESTINATION["type"]}}
    return {"type": "object", "properties": described, "allOf": [{"if": is_topic, "then": topic}, *forms]}


def mapping_forms() -> dict[str, Schema]:
    """Return what the forms of mappings refer to."""
    made: Properties = {
        "value": _ENTRY,
        "otherwise": _ENTRY,
        "normalise": {"enum": list(NORMALISATIONS)},
        "hash": {"enum": list(HASHES)},
        "default": {"type": ["string", "number", "boolean", "null"]},
        "required": BOOLEAN,
        "when": _WHEN,
    }
    each: Properties = {"each": {"type": "string", "pattern": "^@"}, "as": _ENTRY, "when": _WHEN}
    is_made: Schema = {"required": ["value"], "anyOf": [{"required": [key]} for key in _MADE_OPTIONS]}
    mapped: Schema = {
        "anyOf": [_VALUE, {"type": "array", "items": _ENTRY}, {"type": "object", "minProperties": 1}],
        "if": {"type": "string", "pattern": "^@[^@]"},
        "then": {"pattern": f"^@({'|'.join((*ROOTS, ITEM))})([.\\[]|$)"},
        "else": {
            "if": {"type": "object", "required": ["each"]},
            "then": object_of(keys.EACH, each, ["each", "as"]),
            "else": {
                "if": {"type": "object", **is_made},
                "then": object_of(keys.MADE, made, ["value"]),
                "else": {"if": {"type": "object"}, "then": _FIELDS},
            },
        },
    }
    name: Schema = {"minLength": 1, "maxLength": MAX_FIELD_NAME}
    fields: Schema = {"type": "object", "minProperties": 1, "propertyNames": name, "additionalProperties": _ENTRY}
    return {"mapped": mapped, "mapping": fields, "when_sent": _when()}


def _is_of(name: str) -> Schema:
    return {"required": ["type"], "properties": {"type": {"const": name}}}


def _of(kind: type[Receiver]) -> Schema:
    options = option_properties(kind)
    described = {key: meanings(kind)[key] for key in options}
    if channel := channel_of(kind):
        described["channel"] = f"How it reaches the person; without it {channel}."
    properties = {**_common(), **_receiving(), **options}
    required = ["destination", "type", *required_keys(kind)]
    return object_of({**keys.DESTINATION, **keys.RECEIVING, **described}, properties, required)


def _common() -> dict[str, Schema]:
    return {
        **head_of("destination"),
        "type": {"enum": list(TYPES)},
        "traits": names_of(TEXT, MAX_TRAITS_OF_DESTINATION),
        "not_older_than": DURATION,
        "coalesce": BOOLEAN,
    }


def _receiving() -> dict[str, Schema]:
    number: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_IN_CAP}
    cap = object_of(keys.CAP, {"at_most": number, "within": DURATION}, keys.CAP)
    return {
        "renamed_from": names_of(NARROW_NAME),
        "mapping": _FIELDS,
        "changes": names_of({"enum": list(CHANGES)}),
        "purpose": NARROW_NAME,
        "channel": NARROW_NAME,
        "quiet_hours": QUIET_HOURS,
        "caps": list_of(cap, MAX_CAPS),
        "hold_out": {"type": "string", "pattern": "^[0-9]{1,2}(\\.[0-9])?%$"},
        "rate": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_RATE},
        "concurrency": {"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY},
        "retry_for": DURATION,
        "timeout": DURATION,
    }


def _when() -> Schema:
    def one_or_several(word: Schema) -> Schema:
        return {"anyOf": [word, list_of(word, 100)]}

    properties: Properties = {
        "change": one_or_several({"enum": list(CHANGES)}),
        "kind": one_or_several({"enum": list(ACTIVATION_KINDS)}),
        "name": one_or_several(SCALAR),
    }
    return object_of(keys.WHEN, properties, least=1)
