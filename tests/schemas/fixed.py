"""A source of schemas without a registry, and strategies for every record of the contract."""

import copy
import typing
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas import codec
from schemas.codec import RECORDS, Record, schema_text
from schemas.records import EventHead

_IDS = {record: number for number, record in enumerate(RECORDS, start=1)}


class FixedSchemas:
    """This release's schemas under fixed ids, more on request; counts how often an id was looked up."""

    def __init__(self, more: dict[int, str] | None = None) -> None:
        self._texts = {number: schema_text(record) for record, number in _IDS.items()} | (more or {})
        self.looked_up: list[int] = []

    def schema_by_id(self, schema_id: int) -> str | None:
        self.looked_up.append(schema_id)
        return self._texts.get(schema_id)

    def id_of(self, record: type[msgspec.Struct]) -> int:
        return _IDS[record]


def schema_of(record: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of a record of the contract or of an event's head; of any other struct, one that fits its numbers."""
    if record in RECORDS or record is EventHead:
        return copy.deepcopy(dict(codec._schema(record)))
    fields = [{"name": name, "type": "long"} for name in record.__struct_fields__]
    return {"type": "record", "name": record.__name__, "fields": fields}


def records(record: type[Record]) -> st.SearchStrategy[Record]:
    """Any values that the record's field types admit; integers fit Avro's int."""
    return st.builds(record, **_fields(record))


@cache  # a test draws of the same record at each of its examples, and making strategies costs more than drawing
def _fields(record: type[msgspec.Struct]) -> Mapping[str, st.SearchStrategy[object]]:
    return {name: _values(hint) for name, hint in typing.get_type_hints(record).items()}


def _values(hint: object) -> st.SearchStrategy[object]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in {UnionType, typing.Union}:
        return st.one_of(*map(_values, arguments))
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return records(hint)
    simple: dict[object, st.SearchStrategy[object]] = {
        str: st.text(max_size=8),
        bytes: st.binary(max_size=8),
        int: st.integers(0, 2**31 - 1),
        NoneType: st.none(),
        bool: st.booleans(),
    }
    return simple[hint]
