"""Records to bytes and back; bytes of every other kind end as DecodeError with the right reason."""

import contextlib
import json
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import RECORDS, Codec, DecodeError, schema_text
from schemas.records import Event, EventHead, Identifier, Profile
from tests.schemas.fixed import FixedSchemas, records

EVENT = Event(
    workspace="main",
    source="shop",
    message_id="m1",
    type="track",
    event="Viewed",
    occurred_at=1_700_000_000_000,
    sent_at=None,
    received_at=1_700_000_000_001,
    identifiers=(Identifier("user_id", "u1"), Identifier("anonymous_id", "a1")),
    properties='{"price": 1}',
)
ENCODED = Codec(FixedSchemas()).encoder(Event)(EVENT)
HEADER = ENCODED[:5]


def _reason(value: bytes | None, codec: Codec | None = None) -> str:
    with pytest.raises(DecodeError) as caught:
        (codec or Codec(FixedSchemas())).decode(Event, value)
    return caught.value.reason


def _event_schema(**changes: object) -> str:
    return json.dumps(json.loads(schema_text(Event)) | changes)


def _framed(schema_id: int) -> bytes:
    return struct.pack(">bI", 0, schema_id) + ENCODED[5:]


@pytest.mark.parametrize("record", RECORDS, ids=RECORDS.get)
@given(data=st.data())
def test_a_record_survives_its_bytes(record: type[msgspec.Struct], data: st.DataObject) -> None:
    codec = Codec(FixedSchemas())
    value = data.draw(records(record))
    if isinstance(value, Event):
        value = msgspec.structs.replace(value, occurred_at=min(value.occurred_at, value.received_at))

    assert codec.decode(record, codec.encoder(record)(value)) == value


@pytest.mark.parametrize("record", RECORDS, ids=RECORDS.get)
def test_structs_and_schemas_have_the_same_fields_and_defaults(record: type[msgspec.Struct]) -> None:
    fields = {field["name"]: field for field in json.loads(schema_text(record))["fields"]}
    structs = {field.name: field for field in msgspec.structs.fields(record)}

    assert fields.keys() == structs.keys()
    for name, field in structs.items():
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        if default is not msgspec.NODEFAULT and "default" in fields[name]:
            assert fields[name]["default"] == json.loads(msgspec.json.encode(default)), name


@pytest.mark.parametrize("record", RECORDS, ids=RECORDS.get)
def test_every_field_is_documented(record: type[msgspec.Struct]) -> None:
    assert _undocumented(json.loads(schema_text(record)), record.__name__) == []


def _undocumented(schema: object, path: str) -> list[str]:
    if isinstance(schema, list):
        return [found for part in schema for found in _undocumented(part, path)]
    if not isinstance(schema, dict):
        return []
    missing = [path] if "name" in schema and not schema.get("doc") else []
    for field in schema.get("fields", []):
        missing += _undocumented(field, f"{path}.{field['name']}")
    return missing + [found for key in ("type", "items", "values") for found in _undocumented(schema.get(key), path)]


def test_the_frame_is_confluents() -> None:
    assert struct.pack(">bI", 0, FixedSchemas().id_of(Event)) == HEADER


def test_times_beyond_32_bits_survive() -> None:
    assert Codec(FixedSchemas()).decode(Event, ENCODED).occurred_at == 1_700_000_000_000


def test_an_event_from_the_future_is_clamped_to_its_receipt() -> None:
    codec = Codec(FixedSchemas())
    early = msgspec.structs.replace(EVENT, occurred_at=EVENT.received_at + 5)
    encoded = codec.encoder(Event)(early)

    assert codec.decode(Event, encoded).occurred_at == EVENT.received_at
    assert codec.decode_head(encoded).occurred_at == EVENT.received_at


@given(records(Event))
def test_the_head_is_the_front_of_the_event(event: Event) -> None:
    codec = Codec(FixedSchemas())
    encoded = codec.encoder(Event)(event)
    whole = codec.decode(Event, encoded)

    assert codec.decode_head(encoded) == EventHead(*(getattr(whole, name) for name in EventHead.__struct_fields__))


def test_the_head_is_readable_from_another_schema_too() -> None:
    schemas = FixedSchemas({99: _event_schema()})

    assert Codec(schemas).decode_head(_framed(99)).message_id == "m1"


def test_a_later_schema_with_one_field_more_is_read() -> None:
    fields = [*json.loads(schema_text(Event))["fields"], {"name": "region", "type": "string", "default": ""}]
    codec = Codec(FixedSchemas({99: _event_schema(fields=fields)}))

    assert codec.decode(Event, _framed(99) + b"\x04eu") == EVENT


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "truncated"),
        (b"", "truncated"),
        (b"\x00\x00\x00", "truncated"),
        (HEADER, "truncated"),
        (ENCODED[:20], "truncated"),
        (ENCODED[:-1], "truncated"),
        (b'{"userId": "u1"}', "bad_magic"),
        (b"\x01" + ENCODED[1:], "bad_magic"),
        (_framed(4_000_000_000), "unknown_schema"),
        (ENCODED + b"\x00", "invalid"),
        (HEADER + b"\x02\xff", "invalid"),
        (HEADER + b"\xff" * 12, "truncated"),
        (HEADER + struct.pack(">Q", 2**63), "truncated"),
    ],
)
def test_bytes_that_are_no_event_say_why(value: bytes | None, reason: str) -> None:
    assert _reason(value) == reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        '{"type": "record"}',
        _event_schema(name="Profile"),
        schema_text(Profile),
        "[]",
        '"string"',
    ],
)
def test_a_foreign_schema_is_named_as_such(text: str) -> None:
    assert _reason(_framed(99), Codec(FixedSchemas({99: text}))) == "wrong_schema"


def test_a_schema_that_cannot_be_resolved_is_named_as_such() -> None:
    workspace, *_ = json.loads(schema_text(Event))["fields"]
    schemas = FixedSchemas({99: _event_schema(fields=[workspace])})

    assert _reason(struct.pack(">bI", 0, 99) + b"\x08main", Codec(schemas)) == "wrong_schema"


def test_an_unknown_schema_is_asked_for_once() -> None:
    schemas = FixedSchemas()
    codec = Codec(schemas)

    assert [_reason(_framed(77), codec) for _ in range(3)] == ["unknown_schema"] * 3
    assert schemas.looked_up == [77]


def test_a_registry_that_cannot_answer_is_no_fault_of_the_bytes() -> None:
    class Unreachable(FixedSchemas):
        def schema_by_id(self, schema_id: int) -> str | None:
            raise ConnectionError(schema_id)

    with pytest.raises(ConnectionError):
        Codec(Unreachable()).decode(Event, _framed(99))


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_an_event_or_a_decode_error(noise: bytes, framed: bool) -> None:
    _decode_both(HEADER + noise if framed else noise)


@given(st.integers(0, len(ENCODED) - 1), st.binary(min_size=1, max_size=9), st.booleans())
def test_a_damaged_event_is_an_event_or_a_decode_error(at: int, damage: bytes, inserted: bool) -> None:
    _decode_both(ENCODED[:at] + damage + ENCODED[at if inserted else at + len(damage) :])


@given(st.integers(0, len(ENCODED) - 1))
def test_a_cut_event_is_a_decode_error(length: int) -> None:
    assert _reason(ENCODED[:length]) in {"truncated", "invalid"}


def _decode_both(value: bytes) -> None:
    codec = Codec(FixedSchemas())
    with contextlib.suppress(DecodeError):
        codec.decode(Event, value)
    with contextlib.suppress(DecodeError):
        codec.decode_head(value)


@pytest.mark.parametrize("text", [b"main", b"Viewed", b"u1", b"price"])
def test_bytes_that_are_no_utf8_are_read_where_that_is_wanted_and_nowhere_else(text: bytes) -> None:
    codec = Codec(FixedSchemas())
    value = ENCODED.replace(text, b"\xe9" + text[1:])
    assert _reason(value, codec) == "invalid"
    assert str(codec.decode_as_sent(value)).count("\\udce9") == 1
    assert codec.decode_as_sent(ENCODED) == EVENT


def test_times_are_clamped_but_where_they_are_wanted_as_they_were_sent() -> None:
    codec = Codec(FixedSchemas())
    late = msgspec.structs.replace(EVENT, occurred_at=EVENT.received_at + 1)
    value = codec.encoder(Event)(late)
    assert codec.decode(Event, value).occurred_at == EVENT.received_at
    assert codec.decode_as_sent(value) == late
