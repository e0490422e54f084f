"""What the warehouse shows of a world: the sink's own rows of its logs, and the view `events` in plain Python.

That ClickHouse computes the same is for `tests/warehouse/queries/test_events_of_worlds.py`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from confluent_kafka import Message

from schemas.codec import Codec
from schemas.topics import EVENTS_REPEATED, EVENTS_RESOLVED, IDENTITY_CHANGES, PROFILES
from sinks.clickhouse.batch import InsertBatch, batch_of

TOPICS = (EVENTS_RESOLVED, EVENTS_REPEATED, PROFILES, IDENTITY_CHANGES)
_KEYS: Mapping[str, tuple[str, ...]] = {
    "raw_events": ("occurred_at", "event", "namespace", "value", "ordinal", "source", "message_id"),
    "identifiers": ("namespace", "value"),
    "profile_overrides": ("namespace", "value"),
    "device_sign_ins": ("device_namespace", "device_value", "signed_in_at"),
}

Logs = Mapping[tuple[str, int], Sequence[tuple[bytes | None, bytes | None]]]
Row = dict[str, Any]


def written(codec: Codec, logs: Logs) -> InsertBatch:
    """Return what the sink inserts of logs."""
    messages = [
        Message(topic=topic, partition=partition, offset=offset, key=key, value=value)
        for (topic, partition), log in logs.items()
        if topic in TOPICS
        for offset, (key, value) in enumerate(log)
    ]
    return batch_of(codec, messages)


def shown(batch: InsertBatch) -> Counter[tuple[str, str]]:
    """Count the rows of the view `events` by profile of now and message id."""
    return Counter((profile_id, event["message_id"]) for profile_id, event in current(batch))


def current(batch: InsertBatch) -> list[tuple[str, Row]]:
    """Return the rows of the view `events`, each with the profile of now, as those of `raw_events`."""
    tables = {table: _final(table, _rows(batch, table)) for table in _KEYS}
    overrides: dict[tuple[str, str], str] = {_identifier(row): row["profile_id"] for row in tables["profile_overrides"]}
    claims: dict[tuple[str, str], str] = {_identifier(row): row["profile_id"] for row in tables["identifiers"]}
    owners: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(tables["device_sign_ins"], key=itemgetter("signed_in_at")):
        owners.setdefault((row["device_namespace"], row["device_value"]), []).append(row)

    def profile_of(event: Row) -> str:
        primary = _identifier(event)
        routed: str = event["profile_id"]
        if primary not in owners:
            return overrides.get(primary, routed)
        before = [owner for owner in owners[primary] if owner["signed_in_at"] <= event["occurred_at"]]
        return claims.get(_identifier((before or owners[primary][:1])[-1]), routed)

    return [(profile_of(event), event) for event in tables["raw_events"]]


def _rows(batch: InsertBatch, table: str) -> Iterable[Row]:
    for insert in batch.inserts:
        if insert.table == table:
            for row in insert.columns.to_pylist():
                if "identifiers" in row:
                    row |= dict(zip(("namespace", "value"), row["identifiers"][0].values(), strict=True))
                yield row


def _final(table: str, rows: Iterable[Row]) -> list[Row]:
    """Of each key the row of the highest version, unless that says that it is no more."""
    latest: dict[tuple[object, ...], Row] = {}
    for row in rows:
        key = tuple(row[column] for column in _KEYS[table])
        if key not in latest or row["version"] >= latest[key]["version"]:
            latest[key] = row
    return [row for row in latest.values() if not (row.get("is_deleted") or row.get("is_repetition"))]


def _identifier(row: Row) -> tuple[str, str]:
    return row["namespace"], row["value"]
