"""Reads the records of a fetch: Kafka's record batches, format 2, each looked at before it is unpacked.

A record batch that is too large when unpacked, or that is none, becomes a `RefusedRecord`: where it lies, and why.
Aborted ones and transaction markers are left out, as `read_committed` requires. Leaves fetching to `fetcher`.
https://kafka.apache.org/documentation/#recordbatch
"""

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch

from runtime.kafka.clients import MAX_RECORD_BYTES
from schemas.codec import DecodeError
from streams.phases import Record, RefusedRecord
from streams.transport.unpacking import name_of, unpack

MAX_HEADERS = 1_000
"""Of a record of more than 1 MB; a header of two bytes takes eighty in memory."""

HEADER = struct.Struct(">qiibIhiqqqhii")
"""base offset, length, leader epoch, magic, CRC, attributes, last offset delta, times, producer, sequence, count"""

_UNTIL_LENGTH_BYTES = 12
_MAGIC = 2
_CODEC, _TRANSACTIONAL, _CONTROL = 0x07, 0x10, 0x20
_HARMLESS_BYTES = 1_000_000  # records in so many bytes are no danger, however many headers they have
_UNREADABLE = (CorruptRecordException, ValueError, OverflowError, IndexError)
_MARGIN = bytes(32)  # the parser looks a few bytes beyond a record that lies about its length


class RecordBatch(NamedTuple):
    """Kafka's unit of writing, as it lies in a topic: records that one producer sent together, packed."""

    first: int
    last: int
    magic: int
    attributes: int
    producer: int
    record_count: int
    packed: bytes

    @property
    def codec(self) -> int:
        """Kafka's number of the compression."""
        return self.attributes & _CODEC


def split(fetched: bytes) -> Iterator[RecordBatch]:
    """Yield the whole batches of a fetch, in order, without one that was cut off at the end."""
    start = 0
    while start + HEADER.size <= len(fetched):
        first, length, _, magic, _, attributes, delta, _, _, producer, _, _, count = HEADER.unpack_from(fetched, start)
        end = start + _UNTIL_LENGTH_BYTES + length
        if length < HEADER.size - _UNTIL_LENGTH_BYTES or end > len(fetched):
            return
        last = first + max(delta, 0) if magic == _MAGIC else first
        yield RecordBatch(first, last, magic, attributes, producer, count, fetched[start + HEADER.size : end])
        start = end


class CommittedBatches:
    """Knows which batches of one fetch were committed, from the aborted transactions that came with it."""

    def __init__(self, aborted: Iterable[tuple[int, int]] | None) -> None:
        self._aborted = deque(sorted(aborted or (), key=lambda transaction: transaction[1]))
        self._producers: set[int] = set()

    def has(self, batch: RecordBatch) -> bool:
        """Return whether a batch holds committed records. Call it for every batch, in order."""
        if batch.magic != _MAGIC:
            return True
        while self._aborted and self._aborted[0][1] <= batch.first:
            self._producers.add(self._aborted.popleft()[0])
        if batch.attributes & _CONTROL:
            if _ends_aborted(batch):
                self._producers.discard(batch.producer)
            return False
        return not (batch.attributes & _TRANSACTIONAL and batch.producer in self._producers)


def _ends_aborted(batch: RecordBatch) -> bool:
    marker = next(_parsed(batch, batch.packed), None)
    return marker is not None and ControlRecord.parse(marker.key or b"") == ABORT_MARKER


def records(topic: str, partition: int, batch: RecordBatch, position: int) -> Iterator[Record | RefusedRecord]:
    """Yield the records of a batch from a position on; where one cannot be read, the rest of the batch is refused.

    Holds one unpacked batch until it has been read through.
    """
    offset = max(position, batch.first)
    try:
        for record in _parsed(batch, _unpacked(batch)):
            if record.offset > batch.last:
                raise DecodeError("invalid", f"a record says that its offset is {record.offset}")
            if record.offset >= offset:
                offset = record.offset + 1
                yield Record(topic, partition, record.offset, record.key, record.value, tuple(record.headers))
    except (DecodeError, *_UNREADABLE) as error:
        if offset <= batch.last:  # else what is wrong lies behind all records
            yield RefusedRecord(Record(topic, partition, offset, None, None), _by_reference(batch, offset, error))


def _by_reference(batch: RecordBatch, first: int, error: Exception) -> DecodeError:
    cause = error if isinstance(error, DecodeError) else DecodeError("invalid", f"unreadable: {error}")
    where = f"records {first} to {batch.last}, left where they lie, {len(batch.packed)} bytes of {name_of(batch.codec)}"
    return DecodeError(cause.reason, f"{where}: {cause.detail}")


def _unpacked(batch: RecordBatch) -> bytes:
    if batch.magic != _MAGIC:
        raise DecodeError("invalid", f"record format {batch.magic}, not {_MAGIC}")
    unpacked = unpack(batch.codec, batch.packed)
    if len(unpacked) > _HARMLESS_BYTES:
        _check_sizes(unpacked)
    return unpacked


def _parsed(batch: RecordBatch, unpacked: bytes) -> Iterator[DefaultRecord]:
    length = HEADER.size - _UNTIL_LENGTH_BYTES + len(unpacked)
    attributes = batch.attributes & ~_CODEC
    header = HEADER.pack(
        batch.first, length, 0, _MAGIC, 0, attributes, batch.last - batch.first, 0, 0, batch.producer, 0, 0,
        batch.record_count,
    )  # fmt: skip
    whole = b"".join((header, unpacked, _MARGIN))
    return iter(DefaultRecordBatch(memoryview(whole)[: -len(_MARGIN)]))


def _check_sizes(unpacked: bytes) -> None:
    """Raise DecodeError where a record is larger than any topic takes, or large by its headers."""
    position = 0
    while position < len(unpacked):
        size, position = _varint(unpacked, position)
        if not 0 <= size <= len(unpacked) - position:
            raise DecodeError("invalid", f"a record says that it has {size} bytes")
        if size > MAX_RECORD_BYTES:
            raise DecodeError("too_large", f"holds a record of {size} bytes, more than {MAX_RECORD_BYTES}")
        if size > _HARMLESS_BYTES and (headers := _header_count(unpacked, position)) > MAX_HEADERS:
            raise DecodeError("too_large", f"holds a record of {size} bytes with {headers} headers")
        position += size


def _header_count(unpacked: bytes, position: int) -> int:
    position += 1  # attributes
    for _ in ("time", "offset"):
        _, position = _varint(unpacked, position)
    for _ in ("key", "value"):
        size, position = _varint(unpacked, position)
        position += max(size, 0)
    return _varint(unpacked, position)[0]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a number in zigzag coding: it, and the position behind it. Raises IndexError or ValueError without one."""
    coded = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        coded |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (coded >> 1) ^ -(coded & 1), position
    raise ValueError("a number of more than ten bytes")
