"""Messages of several partitions to one Arrow table for each ClickHouse table. Pure: neither sends nor acknowledges."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from zlib import crc32

import msgspec
import pyarrow as pa
from confluent_kafka import Message

from schemas import topics
from schemas.codec import Codec, DecodeError
from schemas.records import Event
from sinks.clickhouse.kinds import JSON
from sinks.clickhouse.rows import ROWS, Place, Row
from sinks.clickhouse.tables import TABLES, Table

Failure = tuple[Message, DecodeError]
_TEXT_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Insert(msgspec.Struct, frozen=True):
    """What one table gets. The same messages make the same insert with the same token."""

    table: str
    columns: pa.Table
    token: str
    unparsed: int


class Batch(msgspec.Struct, frozen=True):
    inserts: tuple[Insert, ...]
    failures: tuple[Failure, ...]
    received_at: tuple[int, ...]
    """When each event of the batch was accepted, for the latency."""


def batch_of(codec: Codec, messages: Sequence[Message]) -> Batch:
    """Decode messages and turn them into columns. What cannot be decoded is listed, and stops nothing.

    Raises what the schema registry's client raises when an unknown schema id cannot be asked for.
    """
    failures: list[Failure] = []
    rows: dict[str, list[Row]] = defaultdict(list)
    origins: dict[str, list[Message]] = defaultdict(list)
    for message in _newest_profiles(messages):
        try:
            for table, row in _rows(codec, message):
                rows[table].append(row)
                origins[table].append(message)
        except DecodeError as error:
            failures.append((message, error))
    tokens = _tokens(messages)
    inserts = []
    for name, table_rows in rows.items():
        columns = _columns(TABLES[name], table_rows, origins[name], failures)
        if columns.num_rows:
            token = tokens[origins[name][0].topic() or ""]
            inserts.append(Insert(name, columns, token, _unparsed(TABLES[name], columns)))
    received_at = [row.record.received_at for row in rows.get("events", ()) if isinstance(row.record, Event)]
    return Batch(tuple(inserts), tuple(failures), tuple(received_at))


def _tokens(messages: Sequence[Message]) -> dict[str, str]:
    """The deduplication token of each topic: the range of offsets of each of its partitions, and a checksum.

    Without the checksum, a topic that was deleted and made again would repeat tokens for other records.
    """
    ranges: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    checksums: dict[str, int] = defaultdict(int)
    for message in messages:
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        first, _ = ranges[topic].get(partition, (offset, offset))
        ranges[topic][partition] = (first, offset)
        checksums[topic] = crc32(message.value() or b"", checksums[topic])
    return {topic: _token(topic, of_topic, checksums[topic]) for topic, of_topic in ranges.items()}


def _token(topic: str, ranges: dict[int, tuple[int, int]], checksum: int) -> str:
    shown = [f"{partition}:{first}-{last}" for partition, (first, last) in sorted(ranges.items())]
    return ",".join([topic, *shown, f"{checksum:08x}"])


def _newest_profiles(messages: Sequence[Message]) -> Iterable[Message]:
    """All messages but profiles that a later one of the batch replaces, as the compacted topic itself will do."""
    newest = {message.key(): message for message in messages if message.topic() == topics.PROFILES}
    for message in messages:
        if message.topic() != topics.PROFILES or message.key() is None or newest[message.key()] is message:
            yield message


def _rows(codec: Codec, message: Message) -> Iterable[tuple[str, Row]]:
    topic = message.topic() or ""
    record = codec.decode(topics.RECORD_OF[topic], message.value())
    return ROWS[topic](record, Place(message.key(), message.partition() or 0, message.offset() or 0))


def _columns(table: Table, rows: list[Row], origins: list[Message], failures: list[Failure]) -> pa.Table:
    try:
        return table.arrow(rows)
    except (OverflowError, pa.ArrowInvalid):
        pass
    fitting = []
    for row, origin in zip(rows, origins, strict=True):
        try:
            table.arrow([row])
            fitting.append(row)
        except (OverflowError, pa.ArrowInvalid) as error:
            failures.append((origin, DecodeError("invalid", f"a value does not fit its column: {error}")))
    return table.arrow(fitting)


def _unparsed(table: Table, columns: pa.Table) -> int:
    texts = (columns.column(column.inserted_as).to_pylist() for column in table.columns if column.kind is JSON)
    return sum(not _is_object(text) for column in texts for text in column)


def _is_object(text: str) -> bool:
    if text == "{}":
        return True
    try:
        _TEXT_DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
