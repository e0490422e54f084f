"""One row to one event, by the mapping. Pure; a cell that does not fit is an error with the cell's number."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from admission.identifiers import NamedIdentifier, UnusedReason, sort_out
from collectors.events import MAX_EVENT_BYTES, MAX_NAME_LENGTH
from collectors.sources.files.mapping import ColumnKind, Constant, FromColumn, Mapping, Time
from collectors.sources.files.rows import Row
from identity.rules import IdentityRules
from schemas.records import Event, Identifier

Value = TypeVar("Value")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?")
_BOOLEANS = {"true": "true", "false": "false", "1": "true", "0": "false", "yes": "true", "no": "false"}


class CellError(Exception):
    """A cell that does not fit the mapping; `index` counts from 0."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.message = message


class Converter:
    """The mapping made ready for many rows. `positions` says at which cell each column is.

    `unused` counts the unusable identifiers, by reason; they stay on their events.
    """

    def __init__(self, mapping: Mapping, positions: dict[str, int], received_at: int, rules: IdentityRules) -> None:
        self.unused: Counter[UnusedReason] = Counter()
        self._mapping = mapping
        self._rules = rules
        self._received_at = received_at
        self._occurred_at = positions[mapping.occurred_at.column]
        self._read_time = lru_cache(maxsize=65_536)(_time_reader(mapping.occurred_at, received_at))
        self._identifiers = [
            (column, namespace, positions[column]) for namespace, column in mapping.identifiers.items()
        ]
        self._event = positions[mapping.event.column] if isinstance(mapping.event, FromColumn) else mapping.event
        self._typed = [(positions[name], _JSON[kind]) for name, kind in mapping.columns.items() if kind != "text"]
        self._properties = [
            (f"{msgspec.json.encode(name).decode()}:", *_property_source(source, mapping, positions))
            for name, source in mapping.properties.items()
        ]

    def convert(self, row: Row) -> Event:
        """Return the row's event; its message id is yet only the digest of the row's text. Raises CellError."""
        cells = row.cells
        for index, to_json in self._typed:
            if cells[index]:
                _call(to_json, cells[index], index)
        return Event(
            workspace=self._mapping.workspace,
            source=self._mapping.source,
            message_id=blake2b(row.text.encode(), digest_size=16).hexdigest(),
            type="track",
            event=self._event_name(cells),
            occurred_at=_call(self._read_time, cells[self._occurred_at], self._occurred_at),
            sent_at=None,
            received_at=self._received_at,
            identifiers=self._read_identifiers(cells),
            properties=self._properties_text(cells),
        )

    def _event_name(self, cells: Sequence[str]) -> str:
        if isinstance(self._event, str):
            return self._event
        name = cells[self._event].strip()
        if not 0 < len(name) <= MAX_NAME_LENGTH:
            raise CellError(self._event, f"expected the name of an event, 1 to {MAX_NAME_LENGTH} characters")
        return name

    def _read_identifiers(self, cells: Sequence[str]) -> tuple[Identifier, ...]:
        identifiers = sort_out(
            self._rules,
            [
                NamedIdentifier(column, Identifier(namespace, cells[index].strip()))
                for column, namespace, index in self._identifiers
                if cells[index].strip()
            ],
        )
        if identifiers.usable:
            self.unused.update(unused.reason for unused in identifiers.unused)
            return identifiers.kept(self._rules)
        if not identifiers.unused:
            raise CellError(self._identifiers[0][2], "the row has no identifier")
        first = identifiers.unused[0].named
        index = next(index for column, _, index in self._identifiers if column == first.field)
        raise CellError(index, f"the row has no usable identifier: {'; '.join(map(str, identifiers.unused))}")

    def _properties_text(self, cells: Sequence[str]) -> str:
        """Return JSON text, put together by hand: the numbers keep their digits, at a fifth of an encoder's time."""
        members = []
        for key, source, to_json in self._properties:
            if isinstance(source, str):
                members.append(key + source)
            elif cells[source] != "":
                members.append(key + to_json(cells[source]))
        text = f"{{{','.join(members)}}}"
        if len(text.encode()) > MAX_EVENT_BYTES:
            raise CellError(0, f"the row's properties have more than {MAX_EVENT_BYTES} bytes")
        return text


def _property_source(
    source: FromColumn | Constant, mapping: Mapping, positions: dict[str, int]
) -> tuple[int | str, Callable[[str], str]]:
    if isinstance(source, Constant):
        return source.json, str
    return positions[source.column], _JSON[mapping.columns[source.column]]


def _call(read: Callable[[str], Value], text: str, index: int) -> Value:
    try:
        return read(text)
    except ValueError as error:
        raise CellError(index, str(error)) from None


def _integer(text: str) -> str:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{text[:50]!r} is not a whole number")
    return text


def _decimal(text: str) -> str:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text[:50]!r} is not a decimal number such as 12.50")
    return text


def _boolean(text: str) -> str:
    boolean = _BOOLEANS.get(text.lower())
    if boolean is None:
        raise ValueError(f"{text[:50]!r} is neither true nor false")
    return boolean


def _text(text: str) -> str:
    return msgspec.json.encode(text).decode()


_JSON: dict[ColumnKind, Callable[[str], str]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
}


def _time_reader(time: Time, latest: int) -> Callable[[str], int]:
    zone = ZoneInfo(time.zone)

    def read(text: str) -> int:
        if time.form in {"epoch_s", "epoch_ms"}:
            time_ms = int(_integer(text)) * (1000 if time.form == "epoch_s" else 1)
        else:
            time_ms = _in_zone(text, time.form, zone)
        if not 0 <= time_ms <= latest:
            raise ValueError(f"{text[:50]!r} is not between 1970 and now")
        return time_ms

    return read


def _in_zone(text: str, form: str, zone: ZoneInfo) -> int:
    try:
        parsed = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=zone)
        return (parsed - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        expected = "an ISO 8601 time" if form == "iso" else f"a time of the form {form}"
        raise ValueError(f"{text[:50]!r} is not {expected}") from None
