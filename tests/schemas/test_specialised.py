"""The code made for a schema and fastavro, which walks it, read and write the same."""

import contextlib
import io

import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import specialised
from schemas.codec import RECORDS, Codec, DecodeError
from schemas.records import Event, EventHead, SegmentChange
from tests.schemas.fixed import FixedSchemas, records, schema_of

PREFIX = b"\0\0\0\0\1"


@pytest.mark.parametrize("record", RECORDS, ids=RECORDS.get)
@given(data=st.data())
def test_the_bytes_are_those_that_fastavro_writes(record: type[msgspec.Struct], data: st.DataObject) -> None:
    value = data.draw(records(record))
    written = io.BytesIO()
    fastavro.schemaless_writer(
        written, fastavro.parse_schema(schema_of(record)), msgspec.to_builtins(value, builtin_types=(bytes,))
    )

    assert specialised.encoder(schema_of(record), PREFIX)(value) == PREFIX + written.getvalue()


@settings(max_examples=20)  # each compiles five encoders
@given(st.lists(records(SegmentChange), min_size=2, max_size=2))
def test_records_in_a_row_that_share_a_tuple_are_written_as_each_by_itself(changes: list[SegmentChange]) -> None:
    first, other = changes
    shared = msgspec.structs.replace(other, identifiers=first.identifiers)
    encode = specialised.encoder(schema_of(SegmentChange), PREFIX)

    written = [encode(each) for each in (first, shared, other, first)]

    alone = [specialised.encoder(schema_of(SegmentChange), PREFIX)(each) for each in (first, shared, other, first)]
    assert written == alone


@pytest.mark.parametrize("record", RECORDS, ids=RECORDS.get)
@given(data=st.data())
def test_what_is_accepted_of_damaged_bytes_is_what_fastavro_reads(
    record: type[msgspec.Struct], data: st.DataObject
) -> None:
    codec = Codec(FixedSchemas())
    whole = codec.encoder(record)(data.draw(records(record)))
    at = data.draw(st.integers(5, len(whole)))
    damaged = whole[:at] + data.draw(st.binary(max_size=9)) + whole[at + data.draw(st.integers(0, 9)) :]

    _assert_both_ways_agree(codec, record, damaged)


@given(st.binary(max_size=200))
def test_what_is_accepted_of_any_bytes_is_what_fastavro_reads(noise: bytes) -> None:
    codec = Codec(FixedSchemas())

    _assert_both_ways_agree(codec, Event, codec.encoder(Event)(_EVENT)[:5] + noise)


@pytest.mark.parametrize("number", [0, -1, 63, 64, -64, -65, 2**31, 2**42 - 1, 2**42, 2**62, 2**63 - 1, -(2**63)])
def test_numbers_of_every_length_survive(number: int) -> None:
    schema = schema_of(_Numbers)
    encoded = specialised.encoder(schema, PREFIX)(_Numbers(number, number))

    assert specialised.decoder(_Numbers, schema)(encoded, 5) == (_Numbers(number, number), len(encoded))


def test_a_number_beyond_64_bits_is_refused() -> None:
    with pytest.raises(OverflowError):
        specialised.encoder(schema_of(_Numbers), PREFIX)(_Numbers(2**63, 0))


def test_texts_of_every_length_survive() -> None:
    codec = Codec(FixedSchemas())
    for length in (0, 63, 64, 8_191, 8_192, 300_000):
        event = msgspec.structs.replace(_EVENT, properties="é" * length)
        assert codec.decode(Event, codec.encoder(Event)(event)) == event


def test_blocks_that_give_their_size_are_read() -> None:
    """Avro lets a writer split an array into blocks, each with its size in bytes before it."""
    codec = Codec(FixedSchemas())
    written = codec.encoder(Event)(msgspec.structs.replace(_EVENT, identifiers=()))
    before = specialised.encoder(schema_of(EventHead), written[:5])(_EVENT)[:-1]  # the head ends with no identifiers
    block = b"\x01\x08\x02n\x02v"  # one item, four bytes
    value = before + block + block + b"\0" + written[len(before) + 1 :]

    assert [str(each) for each in codec.decode(Event, value).identifiers] == ["n:v", "n:v"]
    assert codec._decode_own(Event, value) is not None


def _assert_both_ways_agree(codec: Codec, record: type[msgspec.Struct], value: bytes) -> None:
    fast = codec._decode_own(record, value)
    if fast is None:
        return
    assert codec._decode_any(record, value) == fast
    if record is Event:
        with contextlib.suppress(DecodeError):
            codec.decode_head(value)


class _Numbers(msgspec.Struct, frozen=True):
    first: int
    second: int


_EVENT = Event("main", "shop", "m1", "track", "Viewed", 1_700_000_000_000, None, 1_700_000_000_001, ())
