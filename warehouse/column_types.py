"""Types of columns: the type in ClickHouse, the Arrow type that is sent, and how values become an array of it."""

from collections.abc import Callable, Mapping, Sequence, Sized
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa


def _plain(values: Sequence[object], arrow: pa.DataType) -> pa.Array:
    return pa.array(values, type=arrow)


def _flags(values: Sequence[bool], arrow: pa.DataType) -> pa.Array:
    return pa.array(values, type=pa.bool_()).cast(arrow)


def _texts_or_empty(values: Sequence[str | None], arrow: pa.DataType) -> pa.Array:
    return pa.array([value or "" for value in values], type=arrow)


def _records(values: Sequence[Sequence[msgspec.Struct]], arrow: pa.ListType) -> pa.Array:
    """Of the records of all lists one array for each field: three times as fast as a tuple for each record."""
    flat, fields = list(chain.from_iterable(values)), list(arrow.value_type)
    arrays = [pa.array(list(map(attrgetter(field.name), flat)), type=field.type) for field in fields]
    return pa.ListArray.from_arrays(_offsets(values), pa.StructArray.from_arrays(arrays, fields=fields))


def _maps(values: Sequence[Mapping[str, int]], arrow: pa.MapType) -> pa.Array:
    keys = pa.array(list(chain.from_iterable(values)), type=arrow.key_type)
    numbers = pa.array(list(chain.from_iterable(value.values() for value in values)), type=arrow.item_type)
    return pa.MapArray.from_arrays(_offsets(values), keys, numbers)


def _as_json(values: Sequence[object], arrow: pa.DataType) -> pa.Array:
    return pa.array([msgspec.json.encode(value).decode() for value in values], type=arrow)


def _offsets(values: Sequence[Sized]) -> pa.Array:
    return pa.array(list(accumulate(map(len, values), initial=0)), type=pa.int32())


class ColumnType(msgspec.Struct, frozen=True):
    """A type of columns. `build`: makes the array that is inserted of the values of a batch.

    `computed`: ClickHouse computes the column of others, so nothing is inserted.
    """

    clickhouse: str
    arrow: pa.DataType
    build: Callable[[Sequence[Any], pa.DataType], pa.Array] = _plain
    computed: bool = False

    def array(self, values: Sequence[Any]) -> pa.Array:
        """Convert values. Raises OverflowError or pa.ArrowInvalid for a value that the type cannot hold."""
        return self.build(values, self.arrow)


_MS = pa.timestamp("ms", tz="UTC")
_PAIR = pa.struct([("namespace", pa.string()), ("value", pa.string())])
_MEMBERSHIP = pa.struct([("segment", pa.string()), ("entered_at", _MS)])
_REPAIR = pa.struct([("field", pa.string()), ("reason", pa.string())])
_HEADER = pa.struct([("name", pa.string()), ("value", pa.binary())])

NAME = ColumnType("LowCardinality(String)", pa.string())
NAME_OR_EMPTY = ColumnType("LowCardinality(String)", pa.string(), _texts_or_empty)
OPTIONAL_NAME = ColumnType("LowCardinality(Nullable(String))", pa.string())
TEXT = ColumnType("String", pa.string())
TEXT_OR_EMPTY = ColumnType("String", pa.string(), _texts_or_empty)
OPTIONAL_TEXT = ColumnType("Nullable(String)", pa.string())
BYTES = ColumnType("String", pa.binary())
TEXTS = ColumnType("Array(String)", pa.list_(pa.string()))
OPTIONAL_BYTES = ColumnType("Nullable(String)", pa.binary())
TIME = ColumnType("DateTime64(3, 'UTC')", _MS)
OPTIONAL_TIME = ColumnType("Nullable(DateTime64(3, 'UTC'))", _MS)
NUMBER = ColumnType("Int64", pa.int64())
OPTIONAL_NUMBER = ColumnType("Nullable(Int64)", pa.int64())
VERSION = ColumnType("UInt64", pa.uint64())
SET_VERSION = ColumnType("UInt32", pa.uint32())
FLAG = ColumnType("UInt8", pa.uint8(), _flags)
CLAIMANTS = ColumnType("String", pa.string(), _as_json)
JSON = ColumnType("JSON(max_dynamic_paths=256)", pa.string())
COUNTERS = ColumnType("Map(LowCardinality(String), Int64)", pa.map_(pa.string(), pa.int64()), _maps)
IDENTIFIERS = ColumnType("Array(Tuple(namespace LowCardinality(String), value String))", pa.list_(_PAIR), _records)
MEMBERSHIPS = ColumnType(
    "Array(Tuple(segment LowCardinality(String), entered_at DateTime64(3, 'UTC')))", pa.list_(_MEMBERSHIP), _records
)
REPAIRS = ColumnType("Array(Tuple(field String, reason LowCardinality(String)))", pa.list_(_REPAIR), _records)
HEADERS = ColumnType("Array(Tuple(name String, value Nullable(String)))", pa.list_(_HEADER), _records)
JSON_TEXT = ColumnType("String", pa.null(), computed=True)
UNPARSED = ColumnType("Array(LowCardinality(String))", pa.null(), computed=True)
IDENTIFIER_ID = ColumnType("UInt128", pa.null(), computed=True)
DEFAULT_FLAG = ColumnType("UInt8", pa.null(), computed=True)
DEFAULT_TIME = ColumnType("DateTime64(3, 'UTC')", pa.null(), computed=True)
SIZE = ColumnType("UInt32", pa.null(), computed=True)
COUNT = ColumnType("UInt64", pa.null(), computed=True)
PEOPLE = ColumnType("AggregateFunction(uniq, String)", pa.null(), computed=True)
PROFILE_IDS = ColumnType("Array(String)", pa.null(), computed=True)
