"""Makes one Arrow table for each ClickHouse table of messages of several partitions. Pure: sends nothing."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec
import pyarrow as pa
from confluent_kafka import Message

from schemas import topics
from schemas.codec import Codec, DecodeError
from schemas.records import Event, Repetition
from sinks.clickhouse.rows import ROWS, RepeatedEvent, check_event, check_repetition
from warehouse.table import Rows, WarehouseTable
from warehouse.tables import TABLES

_WITH_TOMBSTONES = frozenset({topics.PROFILES})

Failure = tuple[Message, DecodeError]


class TableInsert(msgspec.Struct, frozen=True):
    """The rows of one table. The same messages make the same insert with the same token."""

    table: str
    columns: pa.Table
    token: str


class InsertBatch(msgspec.Struct, frozen=True):
    """What messages become; `received_at`: when each event was accepted, for the latency."""

    inserts: tuple[TableInsert, ...]
    failures: tuple[Failure, ...]
    received_at: tuple[int, ...]


class _Failures:
    """What becomes a dead letter; of a record that fails twice the first reason."""

    def __init__(self) -> None:
        self._by_message: dict[int, Failure] = {}

    def add(self, message: Message, error: DecodeError) -> None:
        self._by_message.setdefault(id(message), (message, error))

    def __iter__(self) -> Iterator[Failure]:
        return iter(self._by_message.values())


def batch_of(codec: Codec, messages: Sequence[Message]) -> InsertBatch:
    """Decode messages and turn them into columns. What cannot be decoded is listed, and stops nothing.

    Raises what the schema registry's client raises when an unknown schema id cannot be fetched.
    """
    inserts: list[TableInsert] = []
    received_at: tuple[int, ...] = ()
    failures = _Failures()
    for topic, of_topic in _by_topic(messages).items():
        token = _token(topic, of_topic)
        decoded, records = _decode(codec, topic, of_topic, failures)
        for name, rows in ROWS[topic](records, decoded).items():
            if columns := _columns(TABLES[name], rows, failures):
                inserts.append(TableInsert(name, pa.concat_tables(columns), token))
        received_at += tuple(record.received_at for record in records if isinstance(record, Event))
    return InsertBatch(tuple(inserts), tuple(failures), received_at)


def _by_topic(messages: Sequence[Message]) -> Mapping[str, list[Message]]:
    by_topic: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_topic[message.topic() or ""].append(message)
    return by_topic


def _token(topic: str, messages: Sequence[Message]) -> str:
    """The deduplication token of a topic's messages: the range of offsets of each partition, and a checksum.

    Without the checksum, a topic that was deleted and made again would repeat tokens for other records.
    """
    ranges: dict[int, tuple[int, int]] = {}
    checksum = 0
    for message in messages:
        partition, offset = message.partition() or 0, message.offset() or 0
        first, _ = ranges.get(partition, (offset, offset))
        ranges[partition] = (first, offset)
        checksum = crc32(message.value() or b"", checksum)
    shown = [f"{partition}:{first}-{last}" for partition, (first, last) in sorted(ranges.items())]
    return ",".join([topic, *shown, f"{checksum:08x}"])


def _decode(
    codec: Codec, topic: str, messages: Sequence[Message], failures: _Failures
) -> tuple[list[Message], list[Any]]:
    """The messages that can be decoded, and their records."""
    kind, decoded, records = topics.RECORD_OF[topic], list[Message](), list[Any]()
    for message in _newest(messages) if topic in _WITH_TOMBSTONES else messages:
        try:
            record: Any = codec.decode(kind, message.value())
            if isinstance(record, Event):
                check_event(record, message.key())
            if isinstance(record, Repetition):
                check_repetition(record)
                record = RepeatedEvent(record, codec.decode(Event, record.event))
        except DecodeError as error:
            failures.add(message, error)
        else:
            decoded.append(message)
            records.append(record)
    return decoded, records


def _newest(profiles: Sequence[Message]) -> Iterator[Message]:
    """Leave out tombstones, which say nothing new, and profiles that a later one replaces, as compaction will do."""
    profiles = [message for message in profiles if message.value() is not None]
    keys = [message.key() for message in profiles]
    newest = dict(zip(keys, profiles, strict=True))
    for key, message in zip(keys, profiles, strict=True):
        if key is None or newest[key] is message:
            yield message


def _columns(table: WarehouseTable, rows: Rows, failures: _Failures) -> list[pa.Table]:
    """Rows as columns, but for those with a value that does not fit; halved until these stand alone."""
    count = len(rows.get("origin", ()))
    if not count:
        return []
    try:
        return [table.arrow(rows)]
    except (OverflowError, pa.ArrowInvalid) as error:
        if count == 1:
            failures.add(rows["origin"][0], DecodeError("invalid", f"a value does not fit its column: {error}"))
            return []
    halves = (slice(None, count // 2), slice(count // 2, None))
    return [
        columns
        for half in halves
        for columns in _columns(table, {name: values[half] for name, values in rows.items()}, failures)
    ]
