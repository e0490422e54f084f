"""What the columns of a file mean, as a checked model. Reading it from YAML is `mapping_file`'s."""

import re
from typing import Literal

import msgspec

FileKind = Literal["csv", "spaces"]
Header = Literal["names", "skip", "none"]
ColumnKind = Literal["text", "integer", "decimal", "boolean"]

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Format(msgspec.Struct, frozen=True):
    """How the file is written. `spaces`: fields between runs of blanks. Its first bytes show whether it is gzip."""

    kind: FileKind = "csv"
    delimiter: str = ","
    header: Header = "names"
    encoding: str = "utf-8"


class FromColumn(msgspec.Struct, frozen=True):
    column: str


class Constant(msgspec.Struct, frozen=True):
    """The same for every row; `json` is the value's JSON text."""

    json: str


class Time(msgspec.Struct, frozen=True):
    """`form` is `iso`, `epoch_s`, `epoch_ms` or one of `datetime.strptime`; `zone` counts where the text names none."""

    column: str
    form: str = "iso"
    zone: str = "UTC"


class Mapping(msgspec.Struct, frozen=True):
    """`name` is in every message id: whoever changes it imports the same lines as other events."""

    name: str
    workspace: str
    source: str
    format: Format
    columns: dict[str, ColumnKind]
    event: str | FromColumn
    occurred_at: Time
    identifiers: dict[str, str]
    properties: dict[str, FromColumn | Constant]
