"""Makes the bytes of a file of deliveries: pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from definitions.receivers.columns import DELIVERY_KEY, ColumnType, column_type
from definitions.receivers.files import Files
from runtime.spreadsheets import without_formulas
from sinks.destinations.cells import Unfit, cell, json_text, text
from sinks.destinations.contract import Delivery

Row: TypeAlias = Mapping[str, object]

_PARQUET: Mapping[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("ms", tz="UTC"),
    "json": pa.string(),
}


def row_of(delivery: Delivery, options: Files) -> Row:
    """Return the row of a delivery, as its format holds it. Raises Unfit, which names the column and no value."""
    fields = {DELIVERY_KEY: delivery.key} | {k: v for k, v in delivery.fields.items() if k != DELIVERY_KEY}
    if options.format == "jsonl":
        json_text(fields)
        return fields
    row: dict[str, object] = {}
    for name, value in fields.items():
        try:
            text(name)
            if options.format == "csv":
                row[name] = None if value is None else text(value)
            else:
                row[name] = cell(value, column_type(name, options.columns))
        except Unfit as problem:
            raise Unfit(f"{name} {problem}") from None
    return row


def bytes_of(rows: Sequence[Row], options: Files, fields: Sequence[str]) -> bytes:
    """Return a file of rows. `fields`: the columns that it has whatever the rows lack; others follow as they come."""
    if options.format == "jsonl":
        return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    columns = tuple(dict.fromkeys((DELIVERY_KEY, *fields, *(name for row in rows for name in row))))
    if options.format == "csv":
        return _csv(rows, columns, options.keep_formulas)
    return _parquet(rows, columns, options.columns)


def _csv(rows: Sequence[Row], columns: Sequence[str], keep_formulas: bool) -> bytes:
    written = str if keep_formulas else without_formulas
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")  # RFC 4180
    writer.writerow([written(name) for name in columns])
    for row in rows:
        writer.writerow([written(str(row[name])) if row.get(name) is not None else "" for name in columns])
    return file.getvalue().encode()


def _parquet(rows: Sequence[Row], columns: Sequence[str], declared: Mapping[str, ColumnType]) -> bytes:
    schema = pa.schema([(name, _PARQUET[column_type(name, declared)]) for name in columns])
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()
