"""Squashes overrides into the events that they are about, and marks those that no event needs any more.

Each statement works on the rows that are there when it runs, so it may be broken off, run again, or run twice at once.
What must have arrived before is the caller's.
"""

from collections.abc import Iterator
from typing import cast

from warehouse import versions
from warehouse.client import Warehouse
from warehouse.column_types import BYTES, DEFAULT_TIME, IDENTIFIER_ID, JSON, JSON_TEXT, SIZE
from warehouse.queries.values import literal
from warehouse.tables import TABLES

REMEMBERED_DAYS = 30
"""How long a marked override is remembered, so that an older one that is read once more does not count."""

_FEW = 1_000  # identifiers that an index finds; looking up more costs more than it saves

_NARROW = ("identifier_id", "profile_id", "profile_kind", "version", "_partition_id AS part")
_SQUASHED_VERSION = (
    f"bitOr(toUInt64({versions.SQUASHED}), bitShiftRight(override.version, {versions.PROFILE_VERSION_BITS}))"
)
# An account's events have a key of their own, so a person's cannot become one's: such an override stays.
_CAN_BE_SQUASHED = f"AND event.version < {_SQUASHED_VERSION} AND override.profile_kind != 'account'"
# Blocks are small, for an event may have 1 MB. A block that was inserted before is no matter: its rows replace
# themselves, and so the blocks that the table remembers are the sink's alone.
_OF_INSERTS = (
    "max_block_size = 2048, min_insert_block_size_rows = 20000, min_insert_block_size_bytes = 67108864,"
    " max_insert_threads = 1, insert_deduplicate = 0, optimize_on_insert = 0"
)
_FORGET = """
ALTER TABLE onefold.profile_overrides
DELETE WHERE is_squashed AND written_at < fromUnixTimestamp64Milli({before}) - INTERVAL {days} DAY
SETTINGS mutations_sync = 1
"""


class Overrides:
    """The overrides that had come to a ClickHouse before a moment, divided into buckets by identifier.

    Every method raises TransientError or TerminalError.
    """

    def __init__(self, warehouse: Warehouse, before: int, bucket_size: int) -> None:
        """`before`: ms, by the server's clock. `bucket_size`: about so many identifiers are in a bucket."""
        self._warehouse = warehouse
        self._before = before
        self._buckets = 1
        self.count = self.remaining()
        self._buckets = max(1, -(-self.count // bucket_size))

    @property
    def buckets(self) -> range:
        """The numbers of the buckets."""
        return range(self._buckets)

    def remaining(self) -> int:
        """Count the overrides that are there now."""
        (row,) = self._warehouse.rows(f"SELECT sum(1) AS overrides FROM ({self._all()})")
        return cast("int", row["overrides"])

    def different_events(self, bucket: int) -> dict[str, int]:
        """Count the events that can be given the profile of their override, by partition."""
        events = self._different(bucket, _NARROW, _CAN_BE_SQUASHED)
        query = f"SELECT part, count() AS events FROM {events} GROUP BY part ORDER BY part"
        rows = self._warehouse.rows(query + self._settings())
        return {str(row["part"]): cast("int", row["events"]) for row in rows}

    def squash(self, bucket: int, part: str) -> None:
        """Insert those of a partition once more, with the profile of their override."""
        within = f"_partition_id = {literal(part)}"
        identifiers = f"SELECT event.identifier_id FROM {self._different(bucket, _NARROW, _CAN_BE_SQUASHED, within)}"
        names, values = zip(*_squashed(), strict=True)
        events = self._different(bucket, ("*", *_NOT_IN_STAR), _CAN_BE_SQUASHED, within, identifiers)
        self._warehouse.run(
            f"INSERT INTO onefold.raw_events ({', '.join(names)}) SELECT {', '.join(values)} FROM {events}"
            f"{self._settings()}, {_OF_INSERTS}"
        )

    def mark(self, bucket: int) -> None:
        """Mark the overrides of identifiers of which no event has another profile."""
        self._warehouse.run(f"""
            INSERT INTO onefold.profile_overrides
                (workspace, namespace, value, profile_id, profile_kind, version, is_squashed)
            SELECT workspace, namespace, value, '' AS profile_id, '' AS profile_kind, version, 1 AS is_squashed
            FROM ({self._of(bucket)})
            WHERE identifier_id NOT IN (SELECT event.identifier_id FROM {self._different(bucket, _NARROW)})
            {self._settings()}, insert_deduplicate = 0
            """)

    def forget(self) -> None:
        """Leave one row of each override, and none of those that were marked long ago.

        A mark must not go before the older claims that it outlives: TransientError where ClickHouse merges nothing.
        """
        self._warehouse.run("OPTIMIZE TABLE onefold.profile_overrides FINAL SETTINGS optimize_throw_if_noop = 1")
        self._warehouse.run(_FORGET.format(before=self._before, days=REMEMBERED_DAYS))

    def _all(self) -> str:
        # Not of shared devices, whose events belong to whoever owned the device at the time. What came later may be of
        # a decision before which events are still on their way.
        return f"""
            SELECT identifier_id, workspace, namespace, value, profile_id, profile_kind, version
            FROM onefold.profile_overrides FINAL
            WHERE written_at < fromUnixTimestamp64Milli({self._before}) AND identifier_id NOT IN (
                SELECT reinterpretAsUInt128(sipHash128(workspace, device_namespace, device_value))
                FROM onefold.device_owners
            )"""

    def _of(self, bucket: int) -> str:
        return f"{self._all()} AND toUInt64(identifier_id) % {self._buckets} = {bucket}"

    def _different(
        self, bucket: int, columns: tuple[str, ...], condition: str = "", within: str = "1", identifiers: str = ""
    ) -> str:
        """The events, with their overrides, that have another profile. An account's are nobody else's."""
        return f"""
            (
                SELECT {", ".join(columns)} FROM onefold.raw_events FINAL
                PREWHERE identifier_id IN ({identifiers or f"SELECT identifier_id FROM ({self._of(bucket)})"})
                WHERE profile_kind != 'account' AND {within}
            ) AS event
            INNER JOIN ({self._of(bucket)}) AS override ON event.identifier_id = override.identifier_id
            WHERE (event.profile_id, toString(event.profile_kind)) !=
                  (override.profile_id, toString(override.profile_kind)) {condition}"""

    def _settings(self) -> str:
        # All versions of a row have the identifier in common: what the index leaves out, FINAL need not see.
        return (
            " SETTINGS do_not_merge_across_partitions_select_final = 1, max_threads = 2,"
            f" use_skip_indexes = {int(self.count <= _FEW)}, use_skip_indexes_if_final_exact_mode = 0"
        )


_NOT_IN_STAR = tuple(
    column.name for column in TABLES["raw_events"].columns if column.type in {BYTES, IDENTIFIER_ID, JSON_TEXT}
)
_OF_THE_OVERRIDE = {
    "profile_id": "override.profile_id",
    "profile_kind": "override.profile_kind",
    "version": _SQUASHED_VERSION,
}


def _squashed() -> Iterator[tuple[str, str]]:
    """Yield columns with what is inserted for a squashed event: all but three as it was."""
    for column in TABLES["raw_events"].columns:
        if column.type is JSON:
            yield column.inserted_as, f"event.{column.name}_text"
        if column.type is BYTES:
            yield column.inserted_as, f"event.{column.name}"
        elif column.type not in {IDENTIFIER_ID, JSON_TEXT, SIZE, DEFAULT_TIME}:
            yield column.name, _OF_THE_OVERRIDE.get(column.name, f"event.{column.name}")
