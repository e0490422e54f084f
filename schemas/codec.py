"""Records to bytes and back: Avro in Confluent's wire format (0, schema id in 4 bytes, body), cached by schema id.

Two ways lead from bytes to a record. Bytes of this release's schema are read by code made for it (`specialised`). Bytes
of another schema, and those with a fault, are read by fastavro, which resolves schemas and says what is wrong. Leaves
registering to `schemas.registry`.
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/#wire-format
"""

import io
import json
import struct
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import fastavro
import msgspec

from schemas import records, specialised
from schemas.records import Event, EventHead, Reason

SCHEMA_DIR = Path(__file__).parent
MISS_CACHED_S = 30.0
_HEADER_BYTES = 5

Record = TypeVar("Record", bound=msgspec.Struct)
AvroSchema = dict[str, object]

RECORDS: dict[type[msgspec.Struct], str] = {
    records.Event: "event",
    records.Repetition: "repetition",
    records.Profile: "profile",
    records.Session: "session",
    records.SegmentChange: "segment_change",
    records.FiredTrigger: "trigger",
    records.DeliveryAttempt: "delivery_attempt",
    records.ConsentChange: "consent_change",
    records.IdentityRequest: "identity_request",
    records.Link: "link",
    records.Route: "route",
    records.IdentityChange: "identity_change",
    records.ProfileCommand: "profile_command",
    records.DeadLetter: "dead_letter",
    records.RejectedEvent: "rejected_event",
}


class DecodeError(Exception):
    """Bytes that are no record of the expected kind. Never retried: they become a dead letter."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


class SchemaSource(Protocol):
    """Where schemas come from. Implementations raise on an unreachable registry: that is no fault of the bytes."""

    def schema_by_id(self, schema_id: int) -> str | None:
        """Return the schema's JSON text, or None if the registry knows no such id."""

    def id_of(self, record: type[msgspec.Struct]) -> int:
        """Return the id under which this release's schema of `record` is registered."""


def schema_text(record: type[msgspec.Struct]) -> str:
    """Return the .avsc of a record, as it is registered."""
    return (SCHEMA_DIR / f"{RECORDS[record]}.avsc").read_text(encoding="utf-8")


class Codec:
    """Encodes and decodes the records of the contract. Not thread-safe: one for each thread."""

    def __init__(self, schemas: SchemaSource) -> None:
        self._schemas = schemas
        self._writers: dict[int, AvroSchema] = {}
        self._misses: dict[int, float] = {}
        self._own: dict[type[msgspec.Struct], int] = {}
        self._decoders: dict[type[msgspec.Struct], tuple[bytes, specialised.Decode[Any]]] = {}

    def encoder(self, record: type[Record]) -> Callable[[Record], bytes]:
        """Return a function that encodes records of one class. Looks the schema's id up once, now."""
        return _encoder(record, self.prefix(record))

    def decode(self, record: type[Record], value: bytes | None) -> Record:
        """Decode bytes of any compatible schema. Raises DecodeError; the registry's own errors pass through."""
        decoded = self._decode_own(record, value) or self._decode_any(record, value)
        return cast("Record", _clamped(decoded)) if isinstance(decoded, Event) else decoded

    def decode_as_sent(self, value: bytes | None) -> Event:
        """Decode an event whose times are as a producer wrote them, and whose texts may hold bytes that are no UTF-8.

        Halves of surrogate pairs stand for them, as in Python's `surrogateescape`. Raises as `decode`.
        """
        return self._decode_own(Event, value) or self._decode_any(Event, value, on_invalid_utf8="surrogateescape")

    def prefix(self, record: type[msgspec.Struct]) -> bytes:
        """Return how the bytes of a record begin that are of this release's schema."""
        return struct.pack(">bI", 0, self._own_id(record))

    def decode_head(self, value: bytes | None) -> EventHead:
        """Return an Event up to its identifiers; the rest is neither read nor checked. Raises as `decode`."""
        return _clamped(self._decode_own(EventHead, value) or self._head_of_any(value))

    def _decode_own(self, record: type[Record], value: bytes | None) -> Record | None:
        """Return the record, if the bytes are without fault and of this release's schema: nearly always."""
        made = self._decoders.get(record)
        if made is None:
            whole = Event if record is EventHead else record
            made = self._decoders[record] = (self.prefix(whole), _decoder(record))
        prefix, decode = made
        if value is None or value[:_HEADER_BYTES] != prefix:
            return None
        try:
            decoded, end = decode(value, _HEADER_BYTES)
        except (IndexError, ValueError, KeyError):
            return None
        is_complete = end <= len(value) if record is EventHead else end == len(value)
        return decoded if is_complete else None

    def _decode_any(self, record: type[Record], value: bytes | None, on_invalid_utf8: str = "strict") -> Record:
        schema_id, body = self._open(value)
        fields = self._read(record, schema_id, body, on_invalid_utf8)
        try:
            return msgspec.convert(fields, record)
        except msgspec.ValidationError as error:
            raise DecodeError("invalid", str(error)) from None

    def _head_of_any(self, value: bytes | None) -> EventHead:
        schema_id, body = self._open(value)
        if schema_id != self._own_id(Event):
            event = self._decode_any(Event, value)
            return EventHead(*(getattr(event, name) for name in EventHead.__struct_fields__))
        fields = _read_avro(body, _parsed(EventHead), None)
        try:
            return msgspec.convert(fields, EventHead)
        except msgspec.ValidationError as error:
            raise DecodeError("invalid", str(error)) from None

    def _own_id(self, record: type[msgspec.Struct]) -> int:
        schema_id = self._own.get(record)
        if schema_id is None:
            schema_id = self._own[record] = self._schemas.id_of(record)
        return schema_id

    def _open(self, value: bytes | None) -> tuple[int, io.BytesIO]:
        if not value:
            raise DecodeError("truncated", "the record has no value")
        if value[0] != 0:
            raise DecodeError("bad_magic", f"first byte is {value[0]}, not 0: not in Confluent's wire format")
        if len(value) < 6:
            raise DecodeError("truncated", f"{len(value)} bytes: shorter than the header and a body")
        body = io.BytesIO(value)
        body.seek(5)
        return int.from_bytes(value[1:5], "big"), body

    def _read(
        self, record: type[msgspec.Struct], schema_id: int, body: io.BytesIO, on_invalid_utf8: str
    ) -> dict[str, object]:
        reader = _parsed(record)
        if schema_id == self._own_id(record):
            fields = _read_avro(body, reader, None, on_invalid_utf8)
        else:
            fields = _read_avro(body, self._writer(schema_id, record), reader, on_invalid_utf8)
        if body.read(1):
            raise DecodeError("invalid", "bytes are left over after the record's end")
        return fields

    def _writer(self, schema_id: int, record: type[msgspec.Struct]) -> AvroSchema:
        writer = self._writers.get(schema_id)
        if writer is None:
            if time.monotonic() - self._misses.get(schema_id, -MISS_CACHED_S) < MISS_CACHED_S:
                raise DecodeError("unknown_schema", f"the registry knows no schema with id {schema_id}")
            text = self._schemas.schema_by_id(schema_id)
            if text is None:
                if len(self._misses) > 10_000:
                    self._misses.clear()
                self._misses[schema_id] = time.monotonic()
                raise DecodeError("unknown_schema", f"the registry knows no schema with id {schema_id}")
            try:
                writer = self._writers[schema_id] = _parse(json.loads(text))
            except (ValueError, TypeError, KeyError, fastavro.schema.SchemaParseException) as error:
                raise DecodeError("wrong_schema", f"schema {schema_id} is no Avro record: {error}") from None
        expected = f"onefold.{record.__name__}"
        name = writer.get("name") if isinstance(writer, dict) else "no record"
        if name != expected:
            raise DecodeError("wrong_schema", f"schema {schema_id} is {name}, not {expected}")
        return writer


Clamped = TypeVar("Clamped", Event, EventHead)


def _clamped(event: Clamped) -> Clamped:
    if event.occurred_at <= event.received_at:
        return event
    return msgspec.structs.replace(event, occurred_at=event.received_at)


def _read_avro(
    body: io.BytesIO, writer: AvroSchema, reader: AvroSchema | None, on_invalid_utf8: str = "strict"
) -> dict[str, object]:
    try:
        fields = fastavro.schemaless_reader(body, writer, reader, handle_unicode_errors=on_invalid_utf8)
        return cast("dict[str, object]", fields)
    except (EOFError, IndexError, StopIteration) as error:
        raise DecodeError("truncated", f"the body ends early: {error}") from None
    except fastavro.read.SchemaResolutionError as error:
        raise DecodeError("wrong_schema", str(error)) from None
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError, AttributeError) as error:
        raise DecodeError("invalid", f"{type(error).__name__}: {error}") from None


# Writing and compiling their source takes milliseconds; what codecs share keeps nothing but the bytes of numbers.
@cache
def _encoder(record: type[msgspec.Struct], prefix: bytes) -> Callable[[Any], bytes]:
    return specialised.encoder(_schema(record), prefix)


@cache
def _decoder(record: type[msgspec.Struct]) -> specialised.Decode[Any]:
    return specialised.decoder(record, _schema(record))


@cache
def _parsed(record: type[msgspec.Struct]) -> AvroSchema:
    return _parse(_schema(record))


@cache
def _schema(record: type[msgspec.Struct]) -> AvroSchema:
    """Return the schema of a record of the contract, or of an event's head: the first fields of Event."""
    if record is not EventHead:
        return cast("AvroSchema", json.loads(schema_text(record)))
    schema = json.loads(schema_text(Event))
    names = EventHead.__struct_fields__
    schema["fields"] = [field for field in schema["fields"] if field["name"] in names]
    if tuple(field["name"] for field in schema["fields"]) != names:
        raise AssertionError("EventHead must be the first fields of Event, in order")
    return cast("AvroSchema", schema)


def _parse(schema: object) -> AvroSchema:
    return cast("AvroSchema", fastavro.parse_schema(_without_logical_types(schema)))


def _without_logical_types(schema: object) -> object:
    """Times stay integers: fastavro would make a datetime of each, at ten times the cost."""
    if isinstance(schema, dict):
        return {key: _without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(element) for element in schema]
    return schema
