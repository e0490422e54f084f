"""Reads JSON rows as records."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from warehouse.client import JsonObject

Row = TypeVar("Row")


def converted(rows: Sequence[JsonObject], kind: type[Row]) -> list[Row]:
    """Return the rows as records of a kind."""
    return msgspec.convert(rows, list[kind])  # type: ignore[valid-type]
