"""One row to one event, by the mapping. Pure; a cell that does not fit is an error with the cell's number."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec

from admission.identifiers import NamedIdentifier, UnusedReason, sort_out
from admission.repairs import Repairs
from admission.texts import event_name
from collectors.events import MAX_EVENT_BYTES
from collectors.sources.files.cells import json_writers
from collectors.sources.files.mapping import FixedValue, FromColumn, Mapping
from collectors.sources.files.rows import Row
from collectors.sources.files.time_formats import time_reader
from identity.rules import IdentityRules
from schemas.ordinals import pack_ordinal
from schemas.records import Event, Identifier, Repair

Value = TypeVar("Value")

# A member of an object: its key as JSON, the cell or constant that it is of, and what writes it as JSON.
_Member: TypeAlias = tuple[str, int | str, Callable[[str], str]]
_NO_PARENT = '"":'


class CellError(Exception):
    """A cell that does not fit the mapping; `index` counts from 0."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.message = message


class Oddities(NamedTuple):
    """What is odd in a file and stays on its events: how many unusable identifiers and repairs, by reason."""

    unused: Counter[UnusedReason]
    repairs: Counter[str]


class Converter:
    """The mapping made ready for many rows, whose cells are stripped. `positions` says at which cell each column is.

    `oddities` are of all rows that were converted.
    """

    def __init__(self, mapping: Mapping, positions: dict[str, int], received_at: int, rules: IdentityRules) -> None:
        self.oddities = Oddities(Counter(), Counter())
        self._mapping = mapping
        self._positions = positions
        self._rules = rules
        self._received_at = received_at
        self._occurred_at = positions[mapping.occurred_at.column]
        self._read_time = lru_cache(maxsize=65_536)(time_reader(mapping.occurred_at, received_at))
        self._identifiers = [
            (column, namespace, positions[column]) for namespace, column in mapping.identifiers.items()
        ]
        writers = json_writers(mapping.format)
        self._typed = [(positions[name], writers[kind]) for name, kind in mapping.columns.items() if kind != "text"]
        self._properties = _members(mapping.properties, mapping, positions)
        self._context = [
            (f"{msgspec.json.encode(parent).decode()}:", _members(members, mapping, positions))
            for parent, members in _by_parent(mapping.context).items()
        ]

    def convert(self, row: Row, number: int) -> Event:
        """Return the event of the row with this number; its message id is yet only the digest of the row's text.

        Raises CellError.
        """
        cells = row.cells
        for index, to_json in self._typed:
            if cells[index]:
                _call(to_json, cells[index], index)
        time_us = _call(self._read_time, cells[self._occurred_at], self._occurred_at)
        name, repairs = self._event_name(cells)
        properties, context = self._open_parts(cells)
        event = Event(
            workspace=self._mapping.workspace,
            source=self._mapping.source,
            message_id=blake2b(row.text.encode(), digest_size=16).hexdigest(),
            type="track",
            event=name,
            occurred_at=time_us // 1_000,
            sent_at=None,
            received_at=self._received_at,
            identifiers=self._read_identifiers(cells),
            properties=properties,
            context=context,
            ordinal=pack_ordinal(time_us % 1_000, number),
            repairs=repairs,
        )
        if repairs:
            self.oddities.repairs.update(repair.reason for repair in repairs)
        return event

    def _event_name(self, cells: Sequence[str]) -> tuple[str, tuple[Repair, ...]]:
        if not isinstance(self._mapping.event, FromColumn):
            return self._mapping.event, ()
        repairs = Repairs()
        index = self._positions[self._mapping.event.column]
        name = event_name(cells[index], self._mapping.event.column, repairs)
        if name is None:
            raise CellError(index, "the row has no name of an event")
        return name, repairs.listed()

    def _read_identifiers(self, cells: Sequence[str]) -> tuple[Identifier, ...]:
        identifiers = sort_out(
            self._rules,
            [
                NamedIdentifier(column, Identifier(namespace, cells[index]))
                for column, namespace, index in self._identifiers
                if cells[index]
            ],
        )
        if identifiers.usable:
            self.oddities.unused.update(unused.reason for unused in identifiers.unused)
            return identifiers.kept(self._rules)
        if not identifiers.unused:
            raise CellError(self._identifiers[0][2], "the row has no identifier")
        first = identifiers.unused[0].named
        index = next(index for column, _, index in self._identifiers if column == first.field)
        raise CellError(index, f"the row has no usable identifier: {'; '.join(map(str, identifiers.unused))}")

    def _open_parts(self, cells: Sequence[str]) -> tuple[str, str]:
        properties, context = _object_text(self._properties, cells), self._context_text(cells)
        if len(properties.encode()) + len(context.encode()) > MAX_EVENT_BYTES:
            raise CellError(0, f"the row's properties and context have more than {MAX_EVENT_BYTES} bytes")
        return properties, context

    def _context_text(self, cells: Sequence[str]) -> str:
        texts = ((key, _object_text(members, cells)) for key, members in self._context)
        inner = (text[1:-1] if key == _NO_PARENT else key + text for key, text in texts if text != "{}")
        return f"{{{','.join(inner)}}}"


def _by_parent(context: dict[str, FromColumn | FixedValue]) -> dict[str, dict[str, FromColumn | FixedValue]]:
    """Return what stands at paths by the part before the dot; what has no dot under an empty text."""
    parents: dict[str, dict[str, FromColumn | FixedValue]] = {}
    for path, source in context.items():
        parent, _, name = path.rpartition(".")
        parents.setdefault(parent, {})[name] = source
    return parents


def _members(sources: dict[str, FromColumn | FixedValue], mapping: Mapping, positions: dict[str, int]) -> list[_Member]:
    writers = json_writers(mapping.format)
    members: list[_Member] = []
    for name, source in sources.items():
        key = f"{msgspec.json.encode(name).decode()}:"
        if isinstance(source, FixedValue):
            members.append((key, source.json, str))
        else:
            members.append((key, positions[source.column], writers[mapping.columns[source.column]]))
    return members


def _object_text(members: list[_Member], cells: Sequence[str]) -> str:
    """Return JSON text, put together by hand: the numbers keep their digits, at a fifth of an encoder's time."""
    texts = []
    for key, source, to_json in members:
        if isinstance(source, str):
            texts.append(key + source)
        elif cells[source] != "":
            texts.append(key + to_json(cells[source]))
    return f"{{{','.join(texts)}}}"


def _call(read: Callable[[str], Value], text: str, index: int) -> Value:
    try:
        return read(text)
    except ValueError as error:
        raise CellError(index, str(error)) from None
