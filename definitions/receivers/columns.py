"""Columns of tables and files: what type each has, whatever the first value that arrives looks like."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

ColumnType: TypeAlias = Literal["text", "integer", "number", "boolean", "time", "json"]
"""`integer`: 64 bits; `number`: floating point; `time`: an instant, from ISO 8601 or from ms since 1970."""

DELIVERY_KEY = "delivery_key"
"""The column of a delivery's key: the same in every attempt, so that repeats can be told."""

VERSION = "version"
"""The column of the profile's version, which orders what is about one profile."""

_KNOWN: Mapping[str, ColumnType] = MappingProxyType(
    {
        "happened_at": "time",
        "decided_at": "time",
        VERSION: "integer",
        "traits": "json",
        "payload": "json",
        "identifiers": "json",
    }
)


def column_type(name: str, declared: Mapping[str, ColumnType]) -> ColumnType:
    """Return the type of a column: as declared, as of a preset's field, or text."""
    return declared.get(name) or _KNOWN.get(name, "text")
