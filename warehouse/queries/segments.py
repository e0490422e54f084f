"""Reads memberships: which segments there are, who is in one now or was at a past time, what changed, and overlaps.

At a past time the change with the highest version counts, of those at or before it: of one profile a later version
corrects what an earlier one said of the same time, and of now it says what `segment_members` says. Definitions are not
known to ClickHouse: names that nobody has ever been in are segments only to whoever says that they are defined.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Generic, TypeVar, cast

import msgspec

from runtime.hints import did_you_mean
from schemas.records import Identifier
from warehouse.client import Warehouse
from warehouse.queries.clock import server_time
from warehouse.queries.retention import retained_since, utc_day
from warehouse.queries.rows import converted
from warehouse.queries.values import composed, literals

MOST_AT_ONCE = 1_000  # of a page
EXPORTED_AT_ONCE = 10_000
FIRST_MS, LAST_MS = -2_208_988_800_000, 10_413_791_999_999  # what ClickHouse's times can say: 1900 to 2299
_DAY_MS = 86_400_000
_SPILLING = {"max_bytes_before_external_group_by": "1000000000", "max_bytes_before_external_sort": "1000000000"}

Row = TypeVar("Row")

# `names`: the segments, as parameters.
_MEMBERS_NOW = """
SELECT segment AS name, profile_id, profile_kind AS kind, toNullable(entered_at) AS entered_at
FROM onefold.segment_members FINAL
WHERE workspace = {{workspace:String}} AND segment IN ({names}) AND profile_id > {{after:String}}
"""
_MEMBERS_THEN = """
SELECT any(segment) AS name, profile_id, any(profile_kind) AS kind,
       toNullable(argMax(changed_at, version)) AS entered_at
FROM onefold.segment_changes
WHERE workspace = {{workspace:String}} AND segment IN ({names}) AND profile_id > {{after:String}}
  AND changed_at <= fromUnixTimestamp64Milli({{at:Int64}}, 'UTC')
GROUP BY {grouped} HAVING argMax(change, version) = 'entered'
"""
# Where old changes were dropped. The entry of whoever is still in is known; whoever has left since, and whose entry is
# not there any more, was in: what is there first is the exit.
_MEMBERS_IN_PART = """
SELECT any(segment) AS name, profile_id, any(profile_kind) AS kind,
       if(countIf(is_past) > 0, argMaxIf(toNullable(time), version, is_past), NULL) AS entered_at
FROM
(
    SELECT segment, profile_id, profile_kind, change, changed_at AS time, version,
           changed_at <= fromUnixTimestamp64Milli({{at:Int64}}, 'UTC') AS is_past
    FROM onefold.segment_changes
    WHERE workspace = {{workspace:String}} AND segment IN ({names}) AND profile_id > {{after:String}}
    UNION ALL
    SELECT segment, profile_id, profile_kind, 'entered', entered_at, version,
           entered_at <= fromUnixTimestamp64Milli({{at:Int64}}, 'UTC')
    FROM onefold.segment_members FINAL
    WHERE workspace = {{workspace:String}} AND segment IN ({names}) AND profile_id > {{after:String}}
)
GROUP BY {grouped}
HAVING if(countIf(is_past) > 0, argMaxIf(change, version, is_past) = 'entered', argMin(change, version) = 'exited')
"""
_ONE, _TWO = "{segment:String}", "{segment:String}, {other:String}"
_PAGE = (
    "SELECT profile_id, kind AS profile_kind, entered_at FROM ({members}) ORDER BY profile_id LIMIT {{limit:UInt32}}"
)
_WHOLE = """
SELECT profile_id, toUnixTimestamp64Milli(entered_at) AS entered_at
FROM ({members}) ORDER BY profile_id
"""
_OVERLAP = """
SELECT countIf(is_left AND is_right) AS both, countIf(NOT is_right) AS only_left, countIf(NOT is_left) AS only_right
FROM
(
    SELECT max(name = {{segment:String}}) AS is_left, max(name = {{other:String}}) AS is_right
    FROM ({members}) GROUP BY profile_id
)
"""
_SEGMENTS = """
SELECT toString(segment) AS name, sum(members) AS members, sum(entered) AS entered, sum(exited) AS exited
FROM
(
    SELECT segment, count() AS members, 0 AS entered, 0 AS exited FROM onefold.segment_members FINAL
    WHERE workspace = {{workspace:String}} GROUP BY segment
    UNION ALL
    SELECT segment, 0, countIf(change = 'entered'), countIf(change = 'exited') FROM onefold.segment_changes FINAL
    WHERE workspace = {{workspace:String}} AND changed_at > fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
    GROUP BY segment
    UNION ALL
    SELECT DISTINCT segment, 0, 0, 0 FROM onefold.segment_changes WHERE workspace = {{workspace:String}}
    UNION ALL
    SELECT arrayJoin({defined}), 0, 0, 0
)
GROUP BY name HAVING name > {{after:String}} ORDER BY name LIMIT {{limit:UInt32}}
"""
_NAMES = """
SELECT DISTINCT toString(segment) AS name FROM onefold.segment_changes WHERE workspace = {workspace:String}
UNION DISTINCT
SELECT DISTINCT toString(segment) AS name FROM onefold.segment_members WHERE workspace = {workspace:String}
"""
_OF_NAMESPACE = """
SELECT 1 FROM onefold.identifiers WHERE workspace = {workspace:String} AND namespace = {namespace:String} LIMIT 1
"""
# What has changed last did so at about the time of the event clock.
_EVENT_CLOCK = """
SELECT toUnixTimestamp64Milli(max(updated_at)) AS now FROM onefold.profiles WHERE workspace = {workspace:String}
"""
# Which rows are on the page is found in the columns of the key: what is wide is read of these rows alone.
_CHANGES = """
SELECT change_id, profile_id, profile_kind, segment, change, changed_at, decided_at, cause, version, definition,
       identifiers
FROM onefold.segment_changes FINAL
WHERE workspace = {{workspace:String}} AND segment = {{segment:String}}
  AND (profile_id, changed_at, change_id) IN (
    SELECT profile_id, changed_at, change_id FROM onefold.segment_changes FINAL
    WHERE workspace = {{workspace:String}} AND segment = {{segment:String}} AND {of_profiles}
      AND changed_at <= fromUnixTimestamp64Milli({{before:Int64}}, 'UTC')
      AND (toUnixTimestamp64Milli(changed_at), version, change_id)
        < ({{before:Int64}}, {{version:UInt64}}, {{change_id:String}})
    ORDER BY changed_at DESC, version DESC, change_id DESC LIMIT {{limit:UInt32}})
ORDER BY changed_at DESC, version DESC, change_id DESC
"""
_DETAILS = """
SELECT profile_id, identifiers.namespace AS namespaces, identifiers.value AS values, {traits} AS traits
FROM onefold.profiles FINAL
WHERE workspace = {{workspace:String}} AND profile_id IN {profile_ids}
"""
# Of profiles that are no more: who they were when they entered.
_FORMER = """
SELECT profile_id, argMax(identifiers.namespace, version) AS namespaces, argMax(identifiers.value, version) AS values,
       '{{}}' AS traits
FROM onefold.segment_changes
WHERE workspace = {{workspace:String}} AND segment = {{segment:String}} AND profile_id IN {profile_ids}
  AND changed_at <= fromUnixTimestamp64Milli({{at:Int64}}, 'UTC')
GROUP BY profile_id
"""


class UnknownSegment(LookupError):
    """No version defines a segment of this name, and nobody was ever in it; the message says which names there are."""


class TooLongAgo(ValueError):
    """Changes of that time are not kept any more; the message says since when they are."""


class SegmentSummary(msgspec.Struct, frozen=True):
    """How many are in a segment now, and how many times somebody entered or left it within the last day.

    `version`, `since`: of the definitions, since which it means what it means now, and when that was applied, in ISO
    8601; None for one that is defined no more.
    """

    name: str
    members: int
    entered: int
    exited: int
    version: int | None = None
    since: str | None = None


class Member(msgspec.Struct, frozen=True):
    """A profile in a segment. `entered_at`: in ISO 8601; None if that is longer ago than changes are kept.

    `identifiers`: those of now; of a profile that was merged away since, those that it had.
    """

    profile_id: str
    profile_kind: str
    entered_at: str | None
    identifiers: tuple[Identifier, ...] = ()


class ShownSegmentChange(msgspec.Struct, frozen=True):
    """An entry or an exit, times in ISO 8601. `decided_at` is by the system's clock, whatever that of the workspace."""

    change_id: str
    profile_id: str
    profile_kind: str
    segment: str
    change: str
    changed_at: str
    decided_at: str
    cause: str
    version: int
    definition: int
    identifiers: tuple[Identifier, ...]


class Overlap(msgspec.Struct, frozen=True):
    """How many profiles are in both of two segments, and in one of them alone."""

    both: int
    only_left: int
    only_right: int


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """Some of the rows in their order; `next` is the cursor to those that follow, None at the end."""

    rows: list[Row]
    next: str | None


class Details(msgspec.Struct, frozen=True):
    """What is known of a profile: identifiers, and its traits as a JSON object, empty if they were not queried."""

    identifiers: tuple[Identifier, ...] = ()
    traits: str = "{}"


class ExportedMember(msgspec.Struct, frozen=True):
    """A member, `entered_at` in ms, with what is known of it."""

    profile_id: str
    entered_at: int | None
    details: Details


class Segments:
    """The memberships of one workspace in one ClickHouse. `at` is always a time in ms, None for now.

    `defined` returns the names that definitions know or knew; it is called if nobody was ever in a segment.

    Whatever takes the name of a segment raises UnknownSegment, whatever takes a past time TooLongAgo, and every method
    OnefoldError.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        workspace: str,
        is_event_clock: bool = False,
        defined: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._warehouse = warehouse
        self._workspace = workspace
        self._is_event_clock = is_event_clock
        self._defined = defined

    def names(self) -> list[str]:
        """Return the segments in which anybody is or was."""
        return sorted(str(row["name"]) for row in self._warehouse.rows(_NAMES, {"workspace": self._workspace}))

    def summaries(self, limit: int, after: str = "", defined: Collection[str] = ()) -> Page[SegmentSummary]:
        """Count members and changes of each segment, in the order of names; the last day is that of the clock.

        Of those in which anybody is or was, and of those that are `defined`.
        """
        since = _within(self.now() - _DAY_MS)
        bound = {"workspace": self._workspace, "since": str(since), "after": after, "limit": str(limit + 1)}
        query = _SEGMENTS.format(defined=literals(defined))
        found = converted(self._warehouse.rows(query, bound), SegmentSummary)
        return _page(found, limit, [summary.name for summary in found])

    def has_namespace(self, namespace: str) -> bool:
        """Return whether anybody in the workspace has an identifier of a namespace."""
        return bool(self._warehouse.rows(_OF_NAMESPACE, {"workspace": self._workspace, "namespace": namespace}))

    def members(self, segment: str, limit: int, at: int | None = None, after: str = "") -> Page[Member]:
        """Find members in the order of profile ids, beginning behind one."""
        bound = self._bound(segment, at, after=after, limit=str(limit + 1))
        members = converted(self._warehouse.rows(_PAGE.format(members=self._members(_ONE, at)), bound), Member)
        if not members:
            self.check(segment)
        details = self._details(segment, [member.profile_id for member in members[:limit]], at, with_traits=False)
        known = [
            msgspec.structs.replace(member, identifiers=details.get(member.profile_id, Details()).identifiers)
            for member in members
        ]
        return _page(known, limit, [member.profile_id for member in known])

    def count(self, segment: str, at: int | None = None) -> int:
        """Count members."""
        query = f"SELECT count() AS members FROM ({self._members(_ONE, at)})"
        (row,) = self._warehouse.rows(query, self._bound(segment, at))
        return cast("int", row["members"])

    def exported(self, segment: str, at: int | None, with_traits: bool) -> Iterator[list[ExportedMember]]:
        """Yield all members, those of one moment, in the order of profile ids and so many at once."""
        self.check(segment)
        settings = {**_SPILLING, "max_block_size": str(EXPORTED_AT_ONCE)}
        query = _WHOLE.format(members=self._members(_ONE, at))
        for batch in self._warehouse.stream(query, self._bound(segment, at), settings):
            profile_ids, entered = (column.to_pylist() for column in batch.columns)
            details = self._details(segment, profile_ids, at, with_traits)
            yield [
                ExportedMember(profile_id, entered_at, details.get(profile_id, Details()))
                for profile_id, entered_at in zip(profile_ids, entered, strict=True)
            ]

    def changes(
        self, segment: str, limit: int, profile_ids: Collection[str] = (), cursor: str = ""
    ) -> Page[ShownSegmentChange]:
        """Find entries and exits, the latest first; with `profile_ids` of these alone. ValueError: no such cursor."""
        before, version, change_id = _read_cursor(cursor)
        bound = self._bound(segment, None, limit=str(limit + 1)) | {
            "before": str(before),
            "version": str(version),
            "change_id": change_id,
        }
        of_profiles = f"profile_id IN {literals(profile_ids)}" if profile_ids else "1"
        changes = converted(self._warehouse.rows(_CHANGES.format(of_profiles=of_profiles), bound), ShownSegmentChange)
        if not changes and not cursor:
            self.check(segment)
        return _page(changes, limit, [_cursor(change) for change in changes])

    def overlap(self, left: str, right: str, at: int | None = None) -> Overlap:
        """Count who is in both and in one alone."""
        bound = self._bound(left, at, other=composed(right))
        found = converted(self._warehouse.rows(_OVERLAP.format(members=self._members(_TWO, at)), bound), Overlap)[0]
        for segment, members in ((left, found.both + found.only_left), (right, found.both + found.only_right)):
            if not members:
                self.check(segment)
        return found

    def check(self, segment: str) -> None:
        """Raise UnknownSegment if nobody is or was in it, and it is not and never was defined."""
        names, name = self.names(), composed(segment)
        if name in names:
            return
        if name not in (defined := self._defined()):
            hint = did_you_mean(name, sorted({*names, *defined}))
            why = f"nobody in workspace {self._workspace!r} has ever been in a segment {segment!r}"
            raise UnknownSegment(f"{why} ({hint})" if hint else why)

    def now(self) -> int:
        """Return the time of the clock of the workspace (ms): of events, the highest that a profile has shown."""
        if not self._is_event_clock:
            return server_time(self._warehouse)
        (row,) = self._warehouse.rows(_EVENT_CLOCK, {"workspace": self._workspace})
        return cast("int", row["now"])

    def _members(self, names: str, at: int | None) -> str:
        """Return the query of who is in these segments. Raises TooLongAgo for a time of which changes are not kept."""
        if at is None:
            return _MEMBERS_NOW.format(names=names)
        grouped = "profile_id" if names == _ONE else "segment, profile_id"
        since = retained_since(self._warehouse, self._workspace).get("segment_changes")
        if since is None:
            return _MEMBERS_THEN.format(names=names, grouped=grouped)
        if at < since:
            raise TooLongAgo(
                f"changes before {utc_day(since)} were dropped (retention): who was a member then is not known"
            )
        return _MEMBERS_IN_PART.format(names=names, grouped=grouped)

    def _bound(self, segment: str, at: int | None, **others: str) -> dict[str, str]:
        time = str(LAST_MS if at is None else _within(at))
        return {"workspace": self._workspace, "segment": composed(segment), "after": "", "at": time} | others

    def _details(
        self, segment: str, profile_ids: Sequence[str], at: int | None, with_traits: bool
    ) -> dict[str, Details]:
        traits = "traits_text" if with_traits else "'{}'"
        details = self._described(_DETAILS, profile_ids, segment, at, traits)
        former = [profile_id for profile_id in profile_ids if profile_id not in details]
        return details | self._described(_FORMER, former, segment, at) if former else details

    def _described(
        self, query: str, profile_ids: Sequence[str], segment: str, at: int | None, traits: str = ""
    ) -> dict[str, Details]:
        if not profile_ids:
            return {}
        text = query.format(profile_ids=literals(profile_ids), traits=traits)
        time = str(LAST_MS if at is None else _within(at))
        bound = {"workspace": self._workspace, "segment": composed(segment), "at": time}
        return {
            profile_id: Details(tuple(map(Identifier, namespaces, values)), written)
            for batch in self._warehouse.stream(text, bound)
            for profile_id, namespaces, values, written in zip(
                *(column.to_pylist() for column in batch.columns), strict=True
            )
        }


def _within(time_ms: int) -> int:
    return min(max(time_ms, FIRST_MS), LAST_MS)


def _page(rows: list[Row], limit: int, cursors: Sequence[str]) -> Page[Row]:
    """Cut off the row that was read to see whether there is more."""
    return Page(rows[:limit], cursors[limit - 1] if len(rows) > limit else None)


_BEFORE_ALL = (LAST_MS, 2**64 - 1, "")


def _cursor(change: ShownSegmentChange) -> str:
    time = datetime.fromisoformat(change.changed_at)
    return f"{round(time.timestamp() * 1_000)}.{change.version}.{change.change_id}"


def _read_cursor(cursor: str) -> tuple[int, int, str]:
    if not cursor:
        return _BEFORE_ALL
    time, version, change_id = cursor.split(".", 2)
    return _within(int(time)), min(max(int(version), 0), 2**64 - 1), change_id
