"""Reads where things ended: ids of events that were routed, and changes of which nothing was said at a destination."""

import base64
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import msgspec

from definitions.sql.literals import literal
from warehouse.client import Warehouse
from warehouse.queries.rows import converted
from warehouse.queries.values import literals, text_array

# The same number as `event_number` of Python; an event that was sent twice has it twice.
_NUMBERS = """
SELECT DISTINCT reinterpretAsUInt64(reverse(substring(MD5(concat(source, '\\0', message_id)), 1, 8))) AS number
FROM onefold.raw_events WHERE workspace = {workspace:String}
"""
_DEAD = """
SELECT topic, partition, offset, base64Encode(ifNull(value, '')) AS value FROM onefold.dead_letters FINAL
WHERE stage != 'sink'
"""
_REJECTED = """
SELECT count() AS rejected FROM onefold.rejected_events FINAL
WHERE workspace = {workspace:String} AND received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
"""
# An alias that is a column's name would be compared in its place: every time would be after any.
_UNSAID = """
SELECT {id} AS id, {name} AS name, profile_id, toUnixTimestamp64Milli(decided_at) AS decided_ms
FROM onefold.{table} FINAL
WHERE workspace = {{workspace:String}} AND ({conditions})
  AND decided_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
  AND {id} NOT IN (
    SELECT activation_id FROM onefold.deliveries
    WHERE workspace = {{workspace:String}} AND destination IN {{destinations:Array(String)}})
ORDER BY decided_ms, id
"""
_COUNTED = """
SELECT last.1 AS outcome, last.2 AS reason, count() AS number, toUnixTimestamp64Milli(min(last.3)) AS due_at
FROM
(
    SELECT activation_id, argMax((outcome, reason, due_at), (attempted_at, attempt, outcome)) AS last
    FROM onefold.deliveries
    WHERE workspace = {workspace:String} AND destination IN {destinations:Array(String)}
      AND attempted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    GROUP BY activation_id
)
GROUP BY outcome, reason ORDER BY outcome, reason
"""


class DeadRecord(NamedTuple):
    """A dead letter: where the record lay, and its value."""

    topic: str
    partition: int
    offset: int
    value: bytes


class Unsaid(NamedTuple):
    """A change or a trigger of which nothing was said at a destination; `decided_at` in ms."""

    id: str
    name: str
    profile_id: str
    decided_at: int


class Counted(msgspec.Struct, frozen=True):
    """How many changes have ended at a destination in one way; `due_at`: of those that wait the earliest, in ms."""

    outcome: str
    reason: str
    number: int
    due_at: int | None


class Decided(NamedTuple):
    """Decisions about something of a name: of segments by a version of the definitions; times in ms, system's.

    `changes`: directions of a segment's change; of a trigger none. `until` is not included.
    """

    name: str
    since: int = 0
    until: int | None = None
    version: int | None = None
    changes: tuple[str, ...] = ()


class Fates:
    """Where things ended in one workspace. Every method raises OnefoldError."""

    def __init__(self, warehouse: Warehouse, workspace: str) -> None:
        self._warehouse = warehouse
        self._workspace = workspace

    def routed(self) -> Iterator[list[int]]:
        """Yield the numbers of all events that were routed, some at a time."""
        for batch in self._warehouse.stream(_NUMBERS, {"workspace": self._workspace}, {"max_block_size": "65536"}):
            yield batch.column(0).to_pylist()

    def dead(self) -> Iterator[DeadRecord]:
        """Yield all dead letters but the sink's own, of any workspace: of some nobody can read which."""
        for batch in self._warehouse.stream(_DEAD):
            for topic, partition, offset, value in zip(*(each.to_pylist() for each in batch.columns), strict=True):
                yield DeadRecord(topic, partition, offset, base64.b64decode(value))

    def rejected(self, since: int) -> int:
        """Count events that the collector rejected since a time (ms)."""
        (row,) = self._warehouse.rows(_REJECTED, {"workspace": self._workspace, "since": str(since)})
        return cast("int", row["rejected"])

    def counted(self, destinations: Sequence[str], since: int) -> list[Counted]:
        """Count how changes have ended at a destination, by its attempts since a time (ms).

        `destinations`: all its names. The last attempt counts, under whichever.
        """
        parameters = {"workspace": self._workspace, "destinations": text_array(destinations), "since": str(since)}
        return converted(self._warehouse.rows(_COUNTED, parameters), Counted)

    def unsaid_changes(self, destinations: Sequence[str], decided: list[Decided], since: int) -> Iterator[Unsaid]:
        """Yield changes of segments of which nothing was said at a destination, decided since a time (ms)."""
        conditions = [
            f"(segment = {literal(each.name)} AND definition = {each.version} AND change IN {literals(each.changes)}"
            f"{_before(each.until)})"
            for each in decided
        ]
        yield from self._unsaid("segment_changes", "change_id", "segment", destinations, conditions, since)

    def unsaid_triggers(self, destinations: Sequence[str], decided: list[Decided], since: int) -> Iterator[Unsaid]:
        """Yield triggers of which nothing was said at a destination, decided since a time (ms)."""
        conditions = [
            f"(trigger = {literal(each.name)} AND decided_at >= fromUnixTimestamp64Milli({each.since}, 'UTC')"
            f"{_before(each.until)})"
            for each in decided
        ]
        yield from self._unsaid("triggers", "trigger_id", "trigger", destinations, conditions, since)

    def _unsaid(  # noqa: PLR0913, PLR0917 - a table, its columns, and what of it
        self, table: str, column: str, name: str, destinations: Sequence[str], conditions: list[str], since: int
    ) -> Iterator[Unsaid]:
        if not conditions:
            return
        query = _UNSAID.format(table=table, id=column, name=name, conditions=" OR ".join(conditions))
        parameters = {"workspace": self._workspace, "destinations": text_array(destinations), "since": str(since)}
        for batch in self._warehouse.stream(query, parameters):
            for row in zip(*(each.to_pylist() for each in batch.columns), strict=True):
                yield Unsaid(*row)


def _before(until: int | None) -> str:
    return "" if until is None else f" AND decided_at < fromUnixTimestamp64Milli({until}, 'UTC')"
