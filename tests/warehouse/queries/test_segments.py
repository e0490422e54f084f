"""Who is and was in a segment, what changed, and overlaps: as a plain reading of the changes says it."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import pytest

from schemas import topics
from schemas.records import Identifier, SegmentChange
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, insert, placed, profile
from warehouse.client import Warehouse
from warehouse.queries.profiles import merged_into, profile_id_of
from warehouse.queries.retention import AgeLimit, note_retained_since
from warehouse.queries.segments import (
    LAST_MS,
    Member,
    Overlap,
    Segments,
    ShownSegmentChange,
    TooLongAgo,
    UnknownSegment,
)

pytestmark = pytest.mark.stack

DAY = 86_400_000
BUYERS, VISITORS, ODD = "buyers", "visitors", "犹豫 {segment:String}'"


class World(NamedTuple):
    """What was said of each profile and segment, in the order of versions."""

    changes: tuple[SegmentChange, ...]

    def members(self, segment: str, at: int) -> dict[str, int]:
        """Members at a time, each with its entry: what the last version of it and before says."""
        last: dict[str, SegmentChange] = {}
        for said in self.changes:
            is_later = said.profile_id not in last or said.version > last[said.profile_id].version
            if said.segment == segment and said.changed_at <= at and is_later:
                last[said.profile_id] = said
        return {who: said.changed_at for who, said in sorted(last.items()) if said.change == "entered"}


def id_of(number: int) -> str:
    return f"{number * 7919 % 65536:08x}-0000-5000-8000-{number:012x}"


def said(  # noqa: PLR0913, PLR0917 - a change
    workspace: str, who: str, segment: str, change: Literal["entered", "exited"], at: int, version: int
) -> SegmentChange:
    named = (Identifier("user_id", f"u-{who}"),)
    return SegmentChange(workspace, f"{who}{segment}{version}", who, segment, change, at, "m1", version, named)


def random_changes(workspace: str, seed: int) -> Iterator[SegmentChange]:
    """Entries and exits in turn; now and then a later version corrects what was said of an earlier time."""
    choose = random.Random(seed)
    for who in map(id_of, range(40)):
        for segment in (BUYERS, VISITORS, ODD):
            time, version = NOW, 0
            for turn in range(choose.randrange(8)):
                version += choose.randrange(1, 4)
                time += choose.choice((0, 1, 7, DAY, 40 * DAY, -3 * DAY if turn > 2 else 0))
                yield said(workspace, who, segment, "exited" if turn % 2 else "entered", time, version)


def write(warehouse: Warehouse, changes: Iterable[SegmentChange]) -> None:
    """Write changes as the sink does, the second half once more, as after a restart."""
    listed = [placed(topics.SEGMENTS, change, at) for at, change in enumerate(changes)]
    insert(warehouse, listed)
    insert(warehouse, listed[len(listed) // 2 :])


def iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def all_members(segments: Segments, segment: str, at: int | None, limit: int) -> dict[str, str | None]:
    """Members, page after page."""
    found: list[Member] = []
    cursor: str | None = ""
    while cursor is not None:
        page = segments.members(segment, limit, at, cursor)
        assert len(page.rows) == limit or page.next is None
        found += page.rows
        cursor = page.next
    assert len({member.profile_id for member in found}) == len(found)
    return {member.profile_id: member.entered_at for member in found}


@pytest.fixture
def world(warehouse: Warehouse, workspace: str) -> World:
    changes = tuple(random_changes(workspace, 14))
    write(warehouse, changes)
    return World(changes)


def test_members_are_those_of_a_plain_reading_now_and_at_any_past_time(
    warehouse: Warehouse, workspace: str, world: World
) -> None:
    segments = Segments(warehouse, workspace)
    times = sorted({change.changed_at for change in world.changes})
    for segment in (BUYERS, VISITORS, ODD):
        now = {who: iso(entered) for who, entered in world.members(segment, LAST_MS).items()}
        assert all_members(segments, segment, None, 7) == now
        assert all_members(segments, segment, LAST_MS, 7) == now, "as of now both tables say the same"
        for at in (NOW - 1, NOW, *random.Random(1).sample(times, 8), times[-1] - 1):
            then = {who: iso(entered) for who, entered in world.members(segment, at).items()}
            assert all_members(segments, segment, at, 1_000) == then
            assert segments.count(segment, at) == len(then)
            exported = [member for batch in segments.exported(segment, at, with_traits=False) for member in batch]
            assert [member.profile_id for member in exported] == list(then)


def test_an_entry_counts_from_its_very_millisecond(warehouse: Warehouse, workspace: str) -> None:
    entry = said(workspace, ADAS, BUYERS, "entered", NOW, 1)
    exit_ = said(workspace, ADAS, BUYERS, "exited", NOW + 9, 2)
    write(warehouse, (entry, exit_))
    segments = Segments(warehouse, workspace)
    counts = [segments.count(BUYERS, NOW + at) for at in (-1, 0, 8, 9)]
    assert counts == [0, 1, 1, 0]
    assert segments.count(BUYERS) == 0


def test_a_name_is_found_in_whichever_form_it_is_written(warehouse: Warehouse, workspace: str) -> None:
    cafe = "caf\u00e9"
    write(warehouse, [said(workspace, ADAS, cafe, "entered", NOW, 1)])
    segments = Segments(warehouse, workspace)
    for name in (cafe, "cafe\u0301"):
        assert (segments.count(name), len(segments.members(name, 10).rows)) == (1, 1)
        assert [each.profile_id for batch in segments.exported(name, None, with_traits=False) for each in batch] == [
            ADAS
        ]
        assert segments.overlap(name, name).both == 1


def test_two_segments_overlap_now_and_then(warehouse: Warehouse, workspace: str, world: World) -> None:
    segments = Segments(warehouse, workspace)
    for at in (None, NOW + 2 * DAY):
        left, right = (set(world.members(segment, LAST_MS if at is None else at)) for segment in (BUYERS, ODD))
        assert left & right
        assert left - right
        assert segments.overlap(BUYERS, ODD, at) == Overlap(len(left & right), len(left - right), len(right - left))
        assert segments.overlap(BUYERS, BUYERS, at) == Overlap(len(left), 0, 0)


def test_the_history_is_shown_page_by_page_the_latest_first(warehouse: Warehouse, workspace: str, world: World) -> None:
    segments = Segments(warehouse, workspace)
    of_buyers = [change for change in world.changes if change.segment == BUYERS]
    expected = sorted(of_buyers, key=lambda change: (change.changed_at, change.version, change.change_id), reverse=True)
    assert [change.change_id for change in history(segments, BUYERS)] == [change.change_id for change in expected]
    who = expected[0].profile_id
    own = [change for change in expected if change.profile_id == who]
    found = history(segments, BUYERS, who)
    assert [(change.change_id, change.change, change.changed_at) for change in found] == [
        (change.change_id, change.change, iso(change.changed_at)) for change in own
    ]
    assert found[0].identifiers == own[0].identifiers


def history(segments: Segments, segment: str, *profile_ids: str) -> list[ShownSegmentChange]:
    found: list[ShownSegmentChange] = []
    cursor: str | None = ""
    while cursor is not None:
        page = segments.changes(segment, 5, profile_ids, cursor)
        found += page.rows
        cursor = page.next
    return found


@pytest.mark.parametrize("cursor", ["x", "1.2", "1.x.c", "1..c"])
def test_what_is_no_cursor_is_refused(warehouse: Warehouse, workspace: str, cursor: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Segments(warehouse, workspace).changes(BUYERS, 5, (), cursor)


def test_segments_are_counted_with_the_changes_of_the_last_day_of_their_clock(
    warehouse: Warehouse, workspace: str
) -> None:
    old, new, left = (id_of(number) for number in range(3))
    changes = [
        said(workspace, old, BUYERS, "entered", NOW - DAY, 1),
        said(workspace, new, BUYERS, "entered", NOW - DAY + 1, 1),
        said(workspace, left, BUYERS, "entered", NOW - 9 * DAY, 1),
        said(workspace, left, BUYERS, "exited", NOW, 2),
        said(workspace, left, ODD, "entered", NOW - 9 * DAY, 3),
        said(workspace, left, ODD, "exited", NOW - 8 * DAY, 4),
    ]
    write(warehouse, changes)
    insert(warehouse, [placed(topics.PROFILES, profile(old, 9, workspace, updated_at=NOW), 1)])
    by_events = Segments(warehouse, workspace, is_event_clock=True).summaries(10)
    assert [(row.name, row.members, row.entered, row.exited) for row in by_events.rows] == [
        (BUYERS, 2, 1, 1),
        (ODD, 0, 0, 0),
    ]
    by_the_wall = Segments(warehouse, workspace).summaries(10)
    assert [(row.members, row.entered, row.exited) for row in by_the_wall.rows] == [(2, 0, 0), (0, 0, 0)]
    first = Segments(warehouse, workspace).summaries(1)
    assert (first.rows[0].name, first.next) == (BUYERS, BUYERS)
    rest = Segments(warehouse, workspace).summaries(1, BUYERS)
    assert (rest.rows[0].name, rest.next) == (ODD, None)


def test_a_segment_that_is_defined_is_listed_though_nobody_was_ever_in_it(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, [said(workspace, id_of(1), BUYERS, "entered", NOW, 1)])
    segments = Segments(warehouse, workspace)
    listed = segments.summaries(10, defined=(BUYERS, ODD, "zz")).rows
    assert [(row.name, row.members) for row in listed] == [(BUYERS, 1), ("zz", 0), (ODD, 0)]
    page = segments.summaries(1, BUYERS, defined=(BUYERS, ODD, "zz"))
    assert ([row.name for row in page.rows], page.next) == (["zz"], "zz")
    assert segments.summaries(10, "zz", defined=("a",)).rows == []


def test_an_unknown_name_is_told_with_the_one_that_was_meant(warehouse: Warehouse, workspace: str) -> None:
    segments = Segments(warehouse, workspace)
    with pytest.raises(UnknownSegment, match=r"has ever been in a segment 'buyers'$"):
        segments.members(BUYERS, 5)
    write(warehouse, [said(workspace, ADAS, BUYERS, "entered", NOW, 1)])
    assert segments.count(BUYERS, NOW - 1) == 0
    assert segments.members(BUYERS, 5, NOW - 1).rows == []
    for query in (
        lambda: segments.members("buyer", 5),
        lambda: segments.changes("buyer", 5),
        lambda: list(segments.exported("buyer", None, with_traits=True)),
        lambda: segments.overlap(BUYERS, "buyer"),
        lambda: segments.overlap("buyer", BUYERS, NOW),
    ):
        with pytest.raises(UnknownSegment, match="did you mean 'buyers'"):
            query()
    with pytest.raises(UnknownSegment):
        Segments(warehouse, f"{workspace}x").members(BUYERS, 5)


def test_a_profile_that_was_merged_away_left_then_and_keeps_its_name(warehouse: Warehouse, workspace: str) -> None:
    lost = id_of(1)
    write(warehouse, [
        said(workspace, lost, BUYERS, "entered", NOW, 1),
        said(workspace, lost, BUYERS, "exited", NOW + 10, 2),
        said(workspace, ADAS, BUYERS, "entered", NOW + 12, 3),
    ])  # fmt: skip
    records = [
        profile(ADAS, 4, workspace, identifiers=(ADA, PHONE), traits='{"plan": "pro", "rate": 1.10}'),
        profile(lost, 3, workspace, merged_into=ADAS, decision=1),
    ]
    insert(warehouse, [placed(topics.PROFILES, record, at) for at, record in enumerate(records)])
    segments = Segments(warehouse, workspace)
    then, now = segments.members(BUYERS, 5, NOW + 9).rows, segments.members(BUYERS, 5).rows
    assert [(member.profile_id, member.identifiers) for member in then] == [
        (lost, (Identifier("user_id", f"u-{lost}"),))
    ]
    assert [(member.profile_id, member.identifiers) for member in now] == [(ADAS, (ADA, PHONE))]
    assert segments.count(BUYERS, NOW + 11) == 0
    ((exported,),) = segments.exported(BUYERS, None, with_traits=True)
    assert exported.details.traits == '{"plan": "pro", "rate": 1.10}'
    assert (profile_id_of(warehouse, workspace, ADA), profile_id_of(warehouse, workspace, Identifier("a", "b"))) == (
        ADAS,
        None,
    )
    assert merged_into(warehouse, workspace, ADAS) == [lost]
    insert(warehouse, [placed(topics.PROFILES, profile(lost, 5, workspace), 9)])  # unmerged
    assert merged_into(warehouse, workspace, ADAS) == []


def test_what_retention_has_dropped_is_made_up_for_or_refused(warehouse: Warehouse, workspace: str) -> None:
    stays, left = id_of(1), id_of(2)
    changes: Sequence[SegmentChange] = [
        said(workspace, stays, BUYERS, "entered", NOW - 90 * DAY, 1),
        said(workspace, left, BUYERS, "entered", NOW - 80 * DAY, 1),
        said(workspace, left, BUYERS, "exited", NOW - DAY, 2),
    ]
    write(warehouse, changes)
    since = NOW - 30 * DAY
    warehouse.run(
        f"DELETE FROM onefold.segment_changes WHERE workspace = '{workspace}'"
        f" AND changed_at < fromUnixTimestamp64Milli({since}, 'UTC') SETTINGS lightweight_deletes_sync = 1"
    )
    note_retained_since(warehouse, "segment_changes", [AgeLimit(workspace, since)])
    segments = Segments(warehouse, workspace)
    assert all_members(segments, BUYERS, NOW - 2 * DAY, 5) == {stays: iso(NOW - 90 * DAY), left: None}
    assert all_members(segments, BUYERS, NOW, 5) == {stays: iso(NOW - 90 * DAY)}
    assert segments.overlap(BUYERS, BUYERS, NOW - 2 * DAY) == Overlap(2, 0, 0)
    with pytest.raises(TooLongAgo, match="changes before 2023-10-15 were dropped"):
        segments.members(BUYERS, 5, since - 1)


def test_a_question_reads_what_it_is_about(warehouse: Warehouse, workspace: str) -> None:
    """Of 400,000 changes: a person's by the index, a segment's by the key, the last hour's by the month."""
    warehouse.run(
        "INSERT INTO onefold.segment_changes"
        " (workspace, change_id, profile_id, profile_kind, segment, change, changed_at, cause, version)"
        f" SELECT '{workspace}', toString(number), lower(hex(MD5(toString(number % 100000)))), 'person',"
        " concat('s', toString(number % 7)), if(number % 2, 'entered', 'exited'),"
        " toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + toIntervalSecond(number * 60), 'm', number"
        " FROM numbers(400000) SETTINGS max_partitions_per_insert_block = 0"
    )
    in_workspace = f"workspace = '{workspace}'"
    assert read(warehouse, f"{in_workspace} AND profile_id = lower(hex(MD5('5')))") <= 8 * 8_192
    assert read(warehouse, f"{in_workspace} AND changed_at > '2026-10-05 17:00:00'") <= 31 * 24 * 60 + 8_192
    assert read(warehouse, f"{in_workspace} AND segment = 's3'") <= 10 * 2 * 8_192


def read(warehouse: Warehouse, condition: str) -> int:
    """How many rows a question looks at, as ClickHouse plans it."""
    plan = warehouse.rows(f"EXPLAIN ESTIMATE SELECT count(cause) FROM onefold.segment_changes WHERE {condition}")
    return sum(int(str(row["rows"])) for row in plan)
