"""What a table of the warehouse is: its columns, and how an insert carries them. Which there are, `tables` says."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from warehouse.column_types import BYTES, JSON, ColumnType

Rows = Mapping[str, Sequence[Any]]
"""Rows of one table as lists of one length: `origin` (the message), `record`, `version`, and what else it needs."""


class Column(msgspec.Struct, frozen=True):
    """A column of a table. `path`: one of the rows' lists, and from each of its items the way to the value.

    By default that is the field of the column's name of the record. `personal`: whether it may hold what names or
    describes somebody, for masking and erasure; None of a type that has no room for it.
    """

    name: str
    type: ColumnType
    path: str = ""
    personal: bool | None = None

    @property
    def inserted_as(self) -> str:
        """JSON goes in through a text column that is not stored, so that a hostile text cannot fail its batch.

        The text itself, and bytes, go in through one too, into columns that `SELECT *` does not show.
        """
        if self.type is BYTES:
            return f"{self.name}_bytes"
        return f"{self.name}_sent" if self.type is JSON else self.name

    def array(self, rows: Rows) -> pa.Array:
        items, _, field = (self.path or f"record.{self.name}").partition(".")
        return self.type.array(list(map(attrgetter(field), rows[items])) if field else rows[items])


class Retained(msgspec.Struct, frozen=True):
    """That a table may be kept for a time. `setting`: its name in `settings.Retention`.

    `column`: the time from which on it is kept, the same in all versions of a row. `by_month`: each partition has the
    rows of a month of it, and the first one all that come before.
    """

    setting: str
    column: str
    by_month: bool = False


class WarehouseTable(msgspec.Struct, frozen=True):
    """A table of the warehouse. `key`: of rows that have it in common the one with the highest version counts.

    `retained`: by which column its rows grow old; None: they never do.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    retained: Retained | None = None

    @property
    def inserted(self) -> tuple[Column, ...]:
        """The columns that an insert carries."""
        return tuple(column for column in self.columns if not column.type.computed)

    def arrow(self, rows: Rows) -> pa.Table:
        """Convert rows to columns. Raises OverflowError or pa.ArrowInvalid for a value that its column cannot hold."""
        return pa.table({column.inserted_as: column.array(rows) for column in self.inserted})
