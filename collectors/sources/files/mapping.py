"""What the columns of a file mean, as a checked model. Reading it from YAML is `mapping_file`'s."""

import re
from typing import Literal

import msgspec

FileKind = Literal["csv", "spaces"]
Header = Literal["names", "skip", "none"]
DecimalSign = Literal[".", ","]
ColumnKind = Literal["text", "integer", "decimal", "boolean"]

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Format(msgspec.Struct, frozen=True):
    """How the file is written. `spaces`: fields between runs of blanks. Its first bytes show whether it is gzip.

    A byte order mark at its begin outranks `encoding`, Excel's line `sep=;` outranks `delimiter`. `decimal` and
    `thousands` are the signs in its numbers; a cell that is one of `missing` is as good as blank.
    """

    kind: FileKind = "csv"
    delimiter: str = ","
    header: Header = "names"
    encoding: str = "utf-8"
    decimal: DecimalSign = "."
    thousands: str | None = None
    missing: frozenset[str] = frozenset()


class FromColumn(msgspec.Struct, frozen=True):
    """The value of a column in each row."""

    column: str


class FixedValue(msgspec.Struct, frozen=True):
    """The same for every row; `json` is the value's JSON text."""

    json: str


class Time(msgspec.Struct, frozen=True):
    """`form`: `epoch_s`, `epoch_ms`, one of `datetime.strptime`, or `iso`, which is any form that has one meaning only.

    `zone` counts where the text names none.
    """

    column: str
    form: str = "iso"
    zone: str = "UTC"


class Mapping(msgspec.Struct, frozen=True):
    """`name` is in every message id: whoever changes it imports the same lines as other events.

    `context`: by path, such as `page.url`; what a visit's facts are read from.
    """

    name: str
    workspace: str
    source: str
    format: Format
    columns: dict[str, ColumnKind]
    event: str | FromColumn
    occurred_at: Time
    identifiers: dict[str, str]
    properties: dict[str, FromColumn | FixedValue]
    context: dict[str, FromColumn | FixedValue] = {}
