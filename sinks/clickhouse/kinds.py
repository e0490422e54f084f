"""Kinds of columns: the type in ClickHouse, the Arrow type that is sent, and how a record's value becomes one."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import pyarrow as pa

from schemas.records import Header, Identifier, Membership


class Kind(msgspec.Struct, frozen=True):
    clickhouse: str
    arrow: pa.DataType
    convert: Callable[..., object] | None = None


def _pairs(identifiers: Sequence[Identifier]) -> list[tuple[str, str]]:
    return [(identifier.namespace, identifier.value) for identifier in identifiers]


def _memberships(memberships: Sequence[Membership]) -> list[tuple[str, int]]:
    return [(membership.segment, membership.entered_at) for membership in memberships]


def _headers(headers: Sequence[Header]) -> list[tuple[str, bytes | None]]:
    return [(header.name, header.value) for header in headers]


def _entries(counters: Mapping[str, int]) -> list[tuple[str, int]]:
    return list(counters.items())


def _or_empty(text: str | None) -> str:
    return text or ""


_MS = pa.timestamp("ms", tz="UTC")
_PAIR = pa.struct([("namespace", pa.string()), ("value", pa.string())])
_MEMBERSHIP = pa.struct([("segment", pa.string()), ("entered_at", _MS)])
_HEADER = pa.struct([("name", pa.string()), ("value", pa.binary())])

NAME = Kind("LowCardinality(String)", pa.string())
NAME_OR_EMPTY = Kind("LowCardinality(String)", pa.string(), _or_empty)
OPTIONAL_NAME = Kind("LowCardinality(Nullable(String))", pa.string())
TEXT = Kind("String", pa.string())
OPTIONAL_TEXT = Kind("Nullable(String)", pa.string())
OPTIONAL_BYTES = Kind("Nullable(String)", pa.binary())
TIME = Kind("DateTime64(3, 'UTC')", _MS)
OPTIONAL_TIME = Kind("Nullable(DateTime64(3, 'UTC'))", _MS)
NUMBER = Kind("Int64", pa.int64())
OPTIONAL_NUMBER = Kind("Nullable(Int64)", pa.int64())
VERSION = Kind("UInt64", pa.uint64())
FLAG = Kind("UInt8", pa.uint8(), int)
JSON = Kind("JSON(max_dynamic_paths=256)", pa.string())
COUNTERS = Kind("Map(LowCardinality(String), Int64)", pa.map_(pa.string(), pa.int64()), _entries)
IDENTIFIERS = Kind("Array(Tuple(namespace LowCardinality(String), value String))", pa.list_(_PAIR), _pairs)
MEMBERSHIPS = Kind(
    "Array(Tuple(segment LowCardinality(String), entered_at DateTime64(3, 'UTC')))", pa.list_(_MEMBERSHIP), _memberships
)
HEADERS = Kind("Array(Tuple(name String, value Nullable(String)))", pa.list_(_HEADER), _headers)
UNPARSED = Kind("Map(LowCardinality(String), String)", pa.null())
