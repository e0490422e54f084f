"""The shapes that forms of the schema are made of: texts, names, durations, objects with described keys."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from definitions.paths import PATTERN
from definitions.reading import keys
from definitions.reading.documents import KINDS
from definitions.reading.names import MAX_NAME
from definitions.reading.triggers import OTHERWISE

Schema: TypeAlias = dict[str, object]
Properties: TypeAlias = Mapping[str, Schema]

DURATION: Schema = {"type": "string", "pattern": "^[0-9]{1,15}[smhdw]$", "examples": ["30m", "7d"]}
TEXT: Schema = {"type": "string", "minLength": 1}
NAME: Schema = {"type": "string", "maxLength": MAX_NAME, "pattern": r"^[^\s._/-]([^\t\n./]*[^\s./])?$"}
NARROW_NAME: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"}
PATH: Schema = {"type": "string", "pattern": f"^{PATTERN}$"}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
BOOLEAN: Schema = {"type": "boolean"}
DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}", "examples": ["2026-01-31"]}
CLOCK: Schema = {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:00"]}
NUMBER: Schema = {"type": "number"}


def object_of(  # noqa: PLR0913 - what an object can be held to
    described: keys.Keys,
    properties: Properties | None = None,
    required: Iterable[str] = (),
    *,
    one_of: Iterable[str] = (),
    least: int = 0,
    most: int = 0,
) -> Schema:
    """Return an object with these keys and no others. `one_of`: exactly one of them is there."""
    shown = {key: {**(properties or {}).get(key, PATH), "description": text} for key, text in described.items()}
    made: Schema = {"type": "object", "properties": shown, "additionalProperties": False}
    if required := list(required):
        made["required"] = required
    if choices := [{"required": [key]} for key in one_of]:
        made["oneOf"] = choices
    if least:
        made["minProperties"] = least
    if most:
        made |= {"minProperties": 1, "maxProperties": most}
    return made


def list_of(items: Schema, most: int) -> Schema:
    """Return a list of 1 to `most` elements."""
    return {"type": "array", "minItems": 1, "maxItems": most, "items": items}


def names_of(name: Schema, most: int = 1_000) -> Schema:
    """Return a list of different names."""
    return {**list_of(name, most), "uniqueItems": True}


def head_of(name: str) -> dict[str, Schema]:
    """Return the keys that definitions of a kind have in common."""
    return {
        name: NARROW_NAME if name == "destination" else NAME,
        "title": TEXT,
        "description": TEXT,
        "workspaces": names_of(TEXT),
        "kind": {"enum": list(KINDS)},
    }


QUIET_HOURS: Schema = object_of(
    keys.QUIET_HOURS,
    {"from": CLOCK, "to": CLOCK, "zone": TEXT, "otherwise": {"enum": list(OTHERWISE)}},
    required=["from", "to"],
)
