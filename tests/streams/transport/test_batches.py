"""Record batches: what is read of them, and what becomes of those that are too large or none."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.kafka.clients import MAX_RECORD_BYTES
from streams.phases import Record, RefusedRecord
from streams.transport.batches import MAX_HEADERS, CommittedBatches, records, split
from streams.transport.unpacking import UNPACKED_LIMIT_BYTES
from tests.streams.transport.bombs import GZIP, LZ4, MB, SNAPPY, ZSTD, batch, pack, record, zeros

TRANSACTIONAL, CONTROL = 0x10, 0x20
ABORT, COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"

names = st.text(max_size=10)
contents = st.none() | st.binary(max_size=50)
fields = st.tuples(contents, contents, st.lists(st.tuples(names, contents), max_size=3))


def read(raw: bytes, position: int = 0) -> list[Record | RefusedRecord]:
    """Everything that a fetch leads to."""
    return [item for fetched in split(raw) for item in records("t", 3, fetched, position)]


def refusal(raw: bytes, position: int = 0) -> RefusedRecord:
    """The only thing that a fetch leads to."""
    (item,) = read(raw, position)
    assert isinstance(item, RefusedRecord)
    return item


def of(*values: bytes, codec: int = 0, first: int = 0) -> bytes:
    """An honest batch."""
    packed = pack(codec, [record(value, number) for number, value in enumerate(values)])
    return batch(packed, codec, len(values), first=first)


@given(sent=st.lists(fields, min_size=1, max_size=20), codec=st.integers(0, 4), first=st.integers(0, 10**12))
def test_records_come_out_as_they_went_in(
    sent: Sequence[tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]], codec: int, first: int
) -> None:
    packed = pack(
        codec,
        [
            record(value, number, key, [(name.encode(), content) for name, content in headers])
            for number, (key, value, headers) in enumerate(sent)
        ],
    )
    expected = [
        Record("t", 3, first + number, key, value, tuple(headers)) for number, (key, value, headers) in enumerate(sent)
    ]
    assert read(batch(packed, codec, len(sent), first=first)) == expected


def test_reading_goes_on_in_the_middle_of_a_batch() -> None:
    raw = of(b"a", b"b", b"c", codec=LZ4, first=7)
    assert [item.value for item in read(raw, 8) if isinstance(item, Record)] == [b"b", b"c"]


def test_a_batch_that_was_cut_off_at_the_end_of_a_fetch_is_left_for_the_next() -> None:
    whole, cut = of(b"a", first=1), of(b"b", first=2)
    for size in (0, 5, 12, 60, len(cut) - 1):
        assert [complete.first for complete in split(whole + cut[:size])] == [1]


@pytest.mark.parametrize(("codec", "size"), [(GZIP, 400 * MB), (LZ4, 250 * MB), (ZSTD, 400 * MB), (SNAPPY, 100 * MB)])
def test_a_bomb_is_refused_by_reference(codec: int, size: int) -> None:
    packed = pack(codec, zeros(size))
    refused = refusal(batch(packed, codec, records=400, first=12))
    assert refused.record == Record("t", 3, 12, None, None)
    assert refused.error.reason == "too_large"
    assert "records 12 to 411" in refused.error.detail
    assert f"{len(packed)} bytes of {['', 'gzip', 'snappy', 'lz4', 'zstd'][codec]}" in refused.error.detail


@pytest.mark.parametrize("codec", range(5))
def test_the_largest_event_is_read_whatever_the_codec(codec: int) -> None:
    (read_back,) = read(of(bytes(MB), codec=codec))
    assert isinstance(read_back, Record)
    assert read_back.value == bytes(MB)


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_full_batch_of_ten_thousand_events_is_read(codec: int) -> None:
    values = [b'{"event":"Product Viewed","sku":"%07d","price":%d}' % (nth * 7919, nth) * 20 for nth in range(10_000)]
    assert 9 * MB < sum(map(len, values)) < UNPACKED_LIMIT_BYTES
    assert [item.value for item in read(of(*values, codec=codec)) if isinstance(item, Record)] == values


def test_a_record_that_no_topic_would_take_is_refused_and_so_is_one_made_of_headers() -> None:
    large = batch(pack(GZIP, [record(bytes(MAX_RECORD_BYTES + 1))]), GZIP)
    headers = batch(pack(GZIP, [record(bytes(MB), headers=[(b"", None)] * (MAX_HEADERS + 1))]), GZIP)
    for raw in (large, headers):
        assert refusal(raw).error.reason == "too_large"


def test_of_a_batch_that_becomes_unreadable_the_rest_is_refused() -> None:
    whole = record(b"a", 0) + record(b"b", 1)
    raw = batch(whole + b"\x14" + bytes(3), records=4, first=20)
    first, second, refused = read(raw)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert isinstance(refused, RefusedRecord)
    assert refused.record.offset == 22
    assert "records 22 to 23" in refused.error.detail
    assert refusal(raw, position=22).record == refused.record


def test_a_batch_that_states_more_records_than_it_has_loses_none_and_one_that_states_fewer_ends_there() -> None:
    read_back, refused = read(batch(record(b"v"), records=2))
    assert isinstance(read_back, Record)
    assert isinstance(refused, RefusedRecord)
    assert [refused.record.offset, refused.error.reason] == [1, "invalid"]
    (read_back,) = read(batch(record(b"v") + record(b"w", 1), records=1))
    assert isinstance(read_back, Record)
    assert read_back.value == b"v"


def test_a_record_cannot_move_the_reader_past_its_batch() -> None:
    refused = refusal(batch(record(b"v", number=500), records=1, first=24))
    assert refused.record.offset == 24


@pytest.mark.parametrize(
    "raw",
    [
        batch(record(b"v"), records=-1, last=0),
        batch(record(b"v", stated_bytes=1_000_000)),
        batch(record(b"v", stated_bytes=-5)),
        batch(b"\x14\x00\x00\x00\x01\xfe\xff\xff\xff\x0fv\x00"),
        batch(b"\x14\x00\x00\x00\x01" + b"\xfe" + b"\xff" * 8 + b"\x01" + b"v\x00"),
        batch(b"\x80" * 100),
        batch(pack(GZIP, [b"\x80" * 2 * MB]), GZIP),
        batch(record(b"v", headers=[(b"\xff\xfe", b"x")])),
        batch(b"nothing of gzip", GZIP),
        batch(record(b"v"), 7),
        batch(record(b"v"), magic=1),
        batch(record(b"v"), magic=3),
        batch(pack(GZIP, [of(b"a", b"b")]), GZIP),
    ],
)
def test_what_is_no_batch_is_refused(raw: bytes) -> None:
    assert refusal(raw).error.reason == "invalid"


@settings(max_examples=300)
@given(data=st.data(), codec=st.integers(0, 4))
def test_whatever_bytes_are_changed_the_reader_neither_fails_nor_leaves_the_batch(
    data: st.DataObject, codec: int
) -> None:
    raw = bytearray(of(b"a", b"b" * 300, b"c", codec=codec, first=5))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(16, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for fetched in split(bytes(raw)):
        items = records("t", 3, fetched, 0)
        offsets = [(item.record if isinstance(item, RefusedRecord) else item).offset for item in items]
        assert offsets == sorted(set(offsets))
        assert all(fetched.first <= offset <= fetched.last for offset in offsets)


def transaction(producer: int, first: int, marker: bytes | None = None) -> bytes:
    """A batch of a transaction, or the marker that ends one."""
    payload = record(b"v") if marker is None else record(b"\x00" * 6, key=marker)
    kind = TRANSACTIONAL if marker is None else TRANSACTIONAL | CONTROL
    return batch(payload, kind, first=first, producer=producer)


def test_aborted_batches_and_markers_are_left_out() -> None:
    fetched = b"".join(
        (
            transaction(1, 0),
            transaction(2, 1),
            transaction(1, 2, ABORT),
            transaction(1, 3),
            transaction(2, 4, COMMIT),
            transaction(1, 5, COMMIT),
            of(b"plain", first=6),
            transaction(1, 7),
            transaction(1, 8, ABORT),
        )
    )
    committed = CommittedBatches([(1, 7), (1, 0)])
    assert [whole.first for whole in split(fetched) if committed.has(whole)] == [1, 3, 6]
