"""Finds where the streams and SQL differ about definitions: memberships, and the values of traits.

Both sides are compared inside of ClickHouse, which answers with the differences alone. Profiles that have moved since
the time that is queried are left out: choosing that time is for the caller.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from definitions.model import Mining
from definitions.sql import VALUE_OF, DefinitionsQuery
from definitions.sql.values import ITEMS_OF
from warehouse.client import Warehouse
from warehouse.queries.definitions import EvaluationQuery, decoded, scope_of, sliced, source_of
from warehouse.queries.values import literal, literals

_QUERY = """
WITH ({value_of}) AS tuple_of,
     ({items_of}) AS items
SELECT profile_id, by_sql, by_streams,
       arrayFilter((name, a, b) -> a.1 != b.1 OR items(a) != items(b), {traits}, values, shown) AS differing,
       arrayMap(name -> values[indexOf({traits}, name)], differing) AS values_by_sql,
       arrayMap(name -> shown[indexOf({traits}, name)], differing) AS values_by_streams
FROM
(
    SELECT profile_id, by_sql, by_streams, arrayResize(values_by_sql, {count}, (0, 0., '')) AS values,
           arrayMap(name -> tuple_of(JSONExtractRaw(sent, name), sent), {traits}) AS shown
    FROM
    (
        SELECT profile_id, traits_text AS sent FROM onefold.profiles FINAL
        WHERE workspace = {workspace} AND kind = {kind} AND {is_meant}
        UNION ALL
        SELECT profile_id, '{{}}' AS sent FROM onefold.segment_members FINAL
        WHERE workspace = {workspace} AND profile_kind = {kind} AND {is_member_meant} AND profile_id NOT IN (
            SELECT profile_id FROM onefold.profiles FINAL WHERE workspace = {workspace} AND kind = {kind})
        GROUP BY profile_id
    ) AS known
    LEFT ANY JOIN
    (
        SELECT profile_id, arraySort(groupArray(toString(segment))) AS by_streams
        FROM onefold.segment_members FINAL
        WHERE workspace = {workspace} AND profile_kind = {kind} AND {is_segment_meant} GROUP BY profile_id
    ) AS followed USING (profile_id)
    LEFT ANY JOIN
    (
{evaluated}
    ) AS evaluated USING (profile_id)
    WHERE profile_id NOT IN ({moving})
)
WHERE by_sql != by_streams OR notEmpty(differing)
SETTINGS join_use_nulls = 0
"""
_MOVING = """SELECT profile_id FROM onefold.current_events
        WHERE workspace = {workspace} AND profile_kind = {kind}
        AND received_at > fromUnixTimestamp64Milli({received})"""
_OF_PARTITION = "bitAnd(kafkaMurmurHash(concat({prefix}, profile_id)), 2147483647) % {partitions} = {partition}"


class Point(NamedTuple):
    """What is compared as of the time of a query.

    `received`: profiles with an event that came later are moving (ms, the collector's clock). `updated`: so are those
    that changed later, or have an event of a later time, by the workspace's clock; None: no matter. `partition`: the
    profiles of one partition and of how many, on whose clock that time is; None: all.
    """

    received: int
    updated: int | None = None
    partition: tuple[int, int] | None = None


class Drift(msgspec.Struct, frozen=True):
    """What one profile is by SQL and by the streams: its segments, and of each trait that differs the value as JSON."""

    profile_id: str
    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    traits: Mapping[str, tuple[object, object]]

    def added(self, more: "Drift") -> "Drift":
        """Return this with what differs in other definitions of the profile."""
        missing, surplus = sorted((*self.missing, *more.missing)), sorted((*self.surplus, *more.surplus))
        return Drift(self.profile_id, tuple(missing), tuple(surplus), {**self.traits, **more.traits})


class _Part(NamedTuple):
    """The names that one query is about; `is_meant`: the condition on the segment of a membership."""

    segments: tuple[str, ...]
    traits: tuple[str, ...]
    is_meant: str


def differences(
    warehouse: Warehouse, wanted: EvaluationQuery, point: Point, profile_ids: Sequence[str] | None = None
) -> Iterator[Drift]:
    """Yield each profile about which both differ: `missing` and `surplus` are segments of the streams, against SQL.

    Of the profiles named, or of all.
    """
    found: dict[str, Drift] = {}
    for part in _parts(wanted):
        for drift in _drifts(warehouse, _query(wanted, point, part, profile_ids)):
            former = found.get(drift.profile_id)
            found[drift.profile_id] = drift if former is None else former.added(drift)
    yield from found.values()


def _parts(wanted: EvaluationQuery) -> Iterator[_Part]:
    """Yield what each query is about; the first one also about segments that are not defined."""
    definitions = scope_of(wanted).definitions
    segments = sorted(segment.name for segment in definitions.segments)
    named = [("segment", name) for name in segments]
    named += [("trait", trait.name) for trait in definitions.traits if not isinstance(trait.value, Mining)]
    for number, some in enumerate(sliced(named) if named else [()]):
        names = tuple(name for kind, name in some if kind == "segment")
        others = [name for name in segments if name not in names]
        is_meant = f"has({literals(names)}, segment)" if number else f"NOT has({literals(others)}, segment)"
        yield _Part(names, tuple(name for kind, name in some if kind == "trait"), is_meant)


def _drifts(warehouse: Warehouse, query: str) -> Iterator[Drift]:
    for batch in warehouse.stream(query):
        for row in batch.to_pylist():
            by_sql, by_streams = set(row["by_sql"]), set(row["by_streams"])
            values = zip(row["values_by_sql"], row["values_by_streams"], strict=True)
            pairs = [(decoded(*ours.values()), decoded(*theirs.values())) for ours, theirs in values]
            yield Drift(
                row["profile_id"],
                tuple(sorted(by_sql - by_streams)),
                tuple(sorted(by_streams - by_sql)),
                dict(zip(row["differing"], pairs, strict=True)),
            )


def moving(warehouse: Warehouse, wanted: EvaluationQuery, point: Point) -> int:
    """Count the profiles that are left out, since they have moved."""
    conditions = [f"profile_id IN ({_moving(wanted, point)})"]
    if point.updated is not None:
        conditions.append(f"NOT ({_is_still(point.updated)})")
    (row,) = warehouse.rows(
        "SELECT count() AS profiles FROM onefold.profiles FINAL"
        f" WHERE workspace = {literal(wanted.workspace)} AND kind = {literal(wanted.kind)}"
        f" AND {_of_partition(wanted, point)} AND ({' OR '.join(conditions)})"
    )
    return int(str(row["profiles"]))


def latest_times(warehouse: Warehouse, workspace: str, partitions: int) -> dict[int, int]:
    """Find the latest time (ms) that each partition of profiles has shown: its event clock is there, or later."""
    key = f"concat({literal(f'{workspace}|')}, profile_kind, '|', profile_id)"
    rows = warehouse.rows(
        f"SELECT bitAnd(kafkaMurmurHash({key}), 2147483647) % {partitions} AS partition,"
        " toUnixTimestamp64Milli(max(occurred_at)) AS latest FROM onefold.raw_events FINAL"
        f" WHERE workspace = {literal(workspace)} GROUP BY partition"
    )
    return {int(str(row["partition"])): int(str(row["latest"])) for row in rows}


def _query(wanted: EvaluationQuery, point: Point, part: _Part, profile_ids: Sequence[str] | None) -> str:
    compiled = DefinitionsQuery(scope_of(wanted))
    workspace, kind = literal(wanted.workspace), literal(wanted.kind)
    named = "1" if profile_ids is None else f"has({literals(profile_ids)}, profile_id)"
    of_partition = _of_partition(wanted, point)
    is_meant = f"{named} AND {of_partition}"
    if point.updated is not None:
        is_meant += f" AND {_is_still(point.updated)}"
    until = f"occurred_at <= fromUnixTimestamp64Milli({wanted.now}) AND {named} AND {of_partition}"
    source = source_of(wanted.workspace, wanted.kind, until)
    return _QUERY.format(
        value_of=VALUE_OF,
        items_of=ITEMS_OF,
        traits=literals(part.traits),
        count=len(part.traits),
        workspace=workspace,
        kind=kind,
        is_meant=is_meant,
        is_segment_meant=part.is_meant,
        is_member_meant=f"{named} AND {of_partition}",
        evaluated=compiled.listed(source, part.segments, part.traits),
        moving=_moving(wanted, point),
    )


def _is_still(until: int) -> str:
    time = f"fromUnixTimestamp64Milli({until})"
    return f"(updated_at <= {time} AND (isNull(last_seen_at) OR last_seen_at <= {time}))"


def _moving(wanted: EvaluationQuery, point: Point) -> str:
    workspace, kind = literal(wanted.workspace), literal(wanted.kind)
    return _MOVING.format(workspace=workspace, kind=kind, received=point.received)


def _of_partition(wanted: EvaluationQuery, point: Point) -> str:
    if point.partition is None:
        return "1"
    partition, partitions = point.partition
    prefix = literal(f"{wanted.workspace}|{wanted.kind}|")
    return _OF_PARTITION.format(prefix=prefix, partitions=partitions, partition=partition)
