"""The job `cdp-fold`, shared by every Python peer: decode one event, fold it into the state of its key.

Runs in the peers' own virtual environments, so it imports nothing but fastavro. `java/` holds the same job in Java.
"""

import io
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import fastavro

State = dict[str, Any]
"""JSON-able; {} for a key that was never seen. `n`: events, `first`, `last`: their times, `traits`, `sess`: start, end,
events and first URL, `w`: counter -> bucket -> events, `segs`: segment -> time of entry."""

_TEXTS = {"type": "map", "values": "string"}
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "type", "type": "string"},
            {"name": "ts", "type": "long"},
            {"name": "ids", "type": _TEXTS},
            {"name": "props", "type": _TEXTS},
        ],
    }
)
MAGIC = b"\x00\x00\x00\x00\x01"  # Confluent's wire format, schema 1

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SESSION_GAP = 30 * MINUTE

# Type of event, bucket in ms, buckets kept; and segments: name, counter, events needed.
_COUNTERS = (
    ("page", MINUTE, 5),
    ("page", HOUR, 24),
    ("order", DAY, 30),
    ("track", DAY, 7),
    ("order", HOUR, 24),
    ("track", HOUR, 24),
)
_SEGMENTS = tuple((f"s{number}", number % 6, 1 + number % 5) for number in range(20))
_COUNTERS_OF = {
    kind: [
        (str(number), bucket, kept, [(name, needed) for name, counter, needed in _SEGMENTS if counter == number])
        for number, (counted, bucket, kept) in enumerate(_COUNTERS)
        if counted == kind
    ]
    for kind in ("page", "track", "order")
}


class Change(NamedTuple):
    """A key has entered or left a segment with the `n`th event of the key, at the time `ts` (ms)."""

    segment: str
    entered: bool
    ts: int
    n: int


def decode(value: bytes) -> Mapping[str, Any]:
    """Decode an event. Raises ValueError when it is not of schema 1."""
    if value[:5] != MAGIC:
        raise ValueError("not schema 1")
    rest = io.BytesIO(value)
    rest.seek(5)
    event: Mapping[str, Any] = fastavro.schemaless_reader(rest, SCHEMA)
    return event


def encode(event: Mapping[str, Any]) -> bytes:
    """Encode an event, so that `decode` returns it."""
    written = io.BytesIO()
    written.write(MAGIC)
    fastavro.schemaless_writer(written, SCHEMA, event)
    return written.getvalue()


def fold(state: State, event: Mapping[str, Any]) -> list[Change]:
    """Fold an event into a state, which is changed in place."""
    ts = event["ts"]
    if not state:
        state.update(n=0, first=ts, last=ts, traits={}, sess=None, w={}, segs={})
    n = state["n"] = state["n"] + 1
    if ts < state["first"]:
        state["first"] = ts
    if ts > state["last"]:
        state["last"] = ts
    traits = state["traits"]
    for namespace, value in event["ids"].items():
        traits[namespace] = value
    session = state["sess"]
    if session and ts - session[1] < SESSION_GAP:
        session[1] = ts
        session[2] += 1
    else:
        state["sess"] = [ts, ts, 1, event["props"].get("url")]
    changes = []
    counters, members = state["w"], state["segs"]
    for counter, bucket_ms, kept, segments in _COUNTERS_OF[event["type"]]:
        buckets = counters.get(counter)
        if buckets is None:
            buckets = counters[counter] = {}
        bucket = ts // bucket_ms
        name, before = str(bucket), bucket - kept
        buckets[name] = buckets.get(name, 0) + 1
        if len(buckets) > kept:
            for old in [old for old in buckets if int(old) <= before]:
                del buckets[old]
        total = 0
        for at, count in buckets.items():
            if int(at) > before:
                total += count
        for segment, needed in segments:
            entered = total >= needed
            if entered != (segment in members):
                if entered:
                    members[segment] = ts
                else:
                    del members[segment]
                changes.append(Change(segment, entered, ts, n))
    return changes


def output(key: str, change: Change) -> dict[str, object]:
    """Return the record of a change, as every peer writes it (as JSON)."""
    return {"id": key, "s": change.segment, "in": change.entered, "ts": change.ts, "n": change.n}


def change_checksum(record: Mapping[str, Any]) -> int:
    """Return what a record of a change adds to the checksum of all."""
    return zlib.crc32(f"{record['id']}|{record['s']}|{int(record['in'])}|{record['ts']}|{record['n']}".encode())


def count_checksum(key: str, n: int) -> int:
    """Return what a key with its final number of events adds to the checksum of all."""
    return zlib.crc32(f"{key}:{n}".encode())
