"""Writes the members of a segment to a file, CSV or Parquet, a batch at a time; whom to write is for others to say.

The file is there only once it is whole: until then it has a temporary name beside it.
"""

import csv
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import pyarrow as pa
from pyarrow import parquet

from onefold.wording import shown_json
from runtime.spreadsheets import without_formulas
from warehouse.queries.segments import ExportedMember

FORMATS = (".csv", ".parquet")
_FIXED = ("profile_id", "entered_at")
_MOST_TRAITS = 1_000  # to propose one of
_decode_traits = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class MemberColumns(NamedTuple):
    """Which identifiers, by namespace, and which traits of each member are written beside its id and its entry."""

    namespaces: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the names of all columns; a trait that is called as another column has `traits.` before it."""
        taken = {*_FIXED, *self.namespaces}
        return (*_FIXED, *self.namespaces, *(f"traits.{name}" if name in taken else name for name in self.traits))


class EmptyColumns:
    """The namespaces and traits of the columns for which no member has had a value so far, and what members had."""

    def __init__(self, columns: MemberColumns) -> None:
        self.namespaces, self.traits = list(columns.namespaces), list(columns.traits)
        self.other_namespaces: set[str] = set()
        self.other_traits: set[str] = set()

    def look_at(self, members: Iterable[ExportedMember]) -> None:
        """Take notice of what some members have; a column that is not empty is looked at no more."""
        for member in members:
            if self.namespaces:
                has = {identifier.namespace for identifier in member.details.identifiers}
                self.namespaces = [name for name in self.namespaces if name not in has]
                self.other_namespaces |= has
            if self.traits:
                values = _sent_traits(member)
                self.traits = [name for name in self.traits if name not in values]
                if len(self.other_traits) < _MOST_TRAITS:
                    self.other_traits |= values.keys()


class MemberWriter(Protocol):
    """A file that is being written."""

    def write(self, members: Sequence[ExportedMember]) -> None:
        """Write some members."""

    def close(self) -> None:
        """Write the end of the file."""


@contextmanager
def member_file(path: Path, columns: MemberColumns) -> Iterator[MemberWriter]:
    """Open a file, of the format that its name ends in, and move it to its name when all is written.

    Raises OSError. What was there before stays if anything fails.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        writer: MemberWriter = (_Csv if path.suffix.lower() == ".csv" else _Parquet)(temporary, columns)
        try:
            yield writer
        finally:
            writer.close()
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


class _Csv:
    """A text has a ' where a spreadsheet would take what follows for a formula: at its beginning, and behind a ;.

    It begins with a byte order mark, without which Excel takes UTF-8 for an older encoding.
    """

    def __init__(self, path: Path, columns: MemberColumns) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(map(without_formulas, columns.names()))

    def write(self, members: Sequence[ExportedMember]) -> None:
        for member in members:
            identifiers = (";".join(map(without_formulas, values)) for values in _identifiers(member, self._columns))
            traits = (without_formulas(value or "") for value in _traits(member, self._columns))
            self._rows.writerow((without_formulas(member.profile_id), _time(member.entered_at), *identifiers, *traits))

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """Identifiers are lists of texts, traits texts, as they are."""

    def __init__(self, path: Path, columns: MemberColumns) -> None:
        self._columns = columns
        types = (pa.string(), pa.timestamp("ms", tz="UTC"), *(pa.list_(pa.string()) for _ in columns.namespaces))
        all_types: Iterable[Any] = chain(types, (pa.string() for _ in columns.traits))
        self._schema = pa.schema(list(zip(columns.names(), all_types, strict=True)))
        self._writer = parquet.ParquetWriter(str(path), self._schema)

    def write(self, members: Sequence[ExportedMember]) -> None:
        rows = [
            (each.profile_id, each.entered_at, *_identifiers(each, self._columns), *_traits(each, self._columns))
            for each in members
        ]
        columns = zip(zip(*rows, strict=True), self._schema, strict=True)
        arrays = [pa.array(column, field.type) for column, field in columns]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _identifiers(member: ExportedMember, columns: MemberColumns) -> list[list[str]]:
    """Return the values of each namespace."""
    return [
        [identifier.value for identifier in member.details.identifiers if identifier.namespace == namespace]
        for namespace in columns.namespaces
    ]


def _traits(member: ExportedMember, columns: MemberColumns) -> list[str | None]:
    """Return each trait as people read it, to the digit: a text without quotes, anything else as JSON."""
    if not columns.traits:
        return []
    values = _sent_traits(member)
    return [shown_json(values[name]) if name in values else None for name in columns.traits]


def _sent_traits(member: ExportedMember) -> dict[str, msgspec.Raw]:
    try:
        return _decode_traits(member.details.traits)
    except msgspec.DecodeError:
        return {}


def _time(time_ms: int | None) -> str:
    if time_ms is None:
        return ""
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
