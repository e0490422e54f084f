"""What a rebuild reads of the past, on the real engine: which events, in which order, page by page; what goes wrong."""

from collections.abc import Iterable
from typing import NamedTuple

import httpx
import pytest

from runtime.errors import TerminalError, TransientError
from tests.support import plain
from warehouse.client import Warehouse
from warehouse.errors import QueryTooLargeError
from warehouse.queries import past_events
from warehouse.queries.past_events import PastEvent, PastEvents, PublishedSessions
from warehouse.queries.values import literal, slices

AWKWARD = ("it's", "back\\slash", "阿达", "tab\tnew\nline", "{x:String}", "nul\0", "' OR 1 = 1 --", "%s %(a)s", "")
CUT = (100, 100, 100, 100)
_HIGHEST_VERSION = 2**62 - 1  # of an event as it was routed


@pytest.fixture
def past(warehouse: Warehouse) -> PastEvents:
    return PastEvents(warehouse)


class Row(NamedTuple):
    """An event as the sink writes it. `said`: what its profile says of it, in this order.

    `is_squashed`: an override was squashed into it before.
    """

    partition: int
    offset: int
    occurred_at: int
    values: tuple[str, ...]
    body: bytes = b"bytes"
    said: tuple[bool, ...] = ()
    is_squashed: bool = False
    kind: str = "person"

    def versions(self) -> list[tuple[int, bool]]:
        """The versions of its rows, and whether each says that it is a repetition."""
        routed = (_HIGHEST_VERSION - (self.offset << 10 | self.partition), False)
        squashed = [(2**62 + 7, False)] if self.is_squashed else []
        return [routed, *squashed, *((2**63 + number, is_repeated) for number, is_repeated in enumerate(self.said))]


def write(url: str, workspace: str, *rows: Row) -> None:
    """Insert events as the sink has them, one message id for each sort key."""
    values = ", ".join(
        f"({literal(workspace)}, 'm{row.partition}-{row.offset}', fromUnixTimestamp64Milli({row.occurred_at}, 'UTC'), ["
        + ", ".join(f"('anonymous_id', {literal(value)})" for value in row.values)
        + f"], {literal(row.body.decode())}, {literal(row.kind)}, {int(is_repeated)}, {version})"
        for row in rows
        for version, is_repeated in row.versions()
    )
    columns = "workspace, message_id, occurred_at, identifiers, body_bytes, profile_kind, is_repetition, version"
    answer = plain.post(url, content=f"INSERT INTO onefold.raw_events ({columns}) VALUES {values}")
    assert answer.status_code == httpx.codes.OK, answer.text


def row(partition: int, offset: int, occurred_at: int, *values: str, body: bytes = b"bytes") -> Row:
    return Row(partition, offset, occurred_at, values, body)


def found(events: Iterable[PastEvent]) -> list[tuple[int, tuple[str, ...], bytes]]:
    """What is expected of events, but for the order of equal times."""
    return [(event.occurred_at, tuple(each.value for each in event.identifiers), event.body) for event in events]


def meant(*rows: Row) -> list[tuple[int, tuple[str, ...], bytes]]:
    return [(row.occurred_at, row.values, row.body) for row in rows]


def test_repetitions_are_found_and_named_as_their_profile_said_last(
    migrated: str, past: PastEvents, workspace: str
) -> None:
    rows = [
        row(0, 0, 1, "phone"),
        row(0, 1, 2, "phone", "x")._replace(said=(True,)),
        row(0, 2, 3, "phone")._replace(said=(True, False)),
        row(0, 3, 4, "phone")._replace(said=(False, True)),
        row(0, 90, 5, "phone")._replace(said=(True,)),
        row(0, 91, 6, "phone"),
    ]
    write(migrated, workspace, *rows)
    events = list(past.page(workspace, ("phone",), (50,), None))
    assert [(event.occurred_at, event.is_repetition) for event in events] == [
        (1, False), (2, True), (3, False), (4, True), (5, True),
    ]  # fmt: skip
    answer = plain.post(migrated, content=f"SELECT count() FROM onefold.events WHERE workspace = '{workspace}'")
    assert int(answer.text) == 3


def test_events_come_in_order_of_time_and_only_those_before_the_cut(
    migrated: str, past: PastEvents, workspace: str
) -> None:
    expected = [
        row(1, 0, 10, "phone", "other"),
        row(1, 4, 20, "phone"),
        row(0, 5, 20, "phone"),
        row(3, 5, 20, "phone", body=b""),
        row(0, 9, 30, "phone"),
    ]
    others = [row(0, 10, 5, "phone"), row(1, 6, 7, "phone"), row(2, 1, 8, "tablet"), row(9, 1, 8, "phone")]
    write(migrated, workspace, *reversed(expected), *others)
    events = list(past.page(workspace, ("phone",), (10, 6, 10, 6), None))
    assert [event.occurred_at for event in events] == [10, 20, 20, 20, 30]
    assert sorted(found(events)) == sorted(meant(*expected))
    assert list(past.page("nobody", ("phone",), (10, 6, 10, 6), None)) == []
    assert list(past.page(workspace, ("phone",), (), None)) == []


def test_a_page_goes_on_behind_the_row_before(
    migrated: str, past: PastEvents, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(at % 4, at, 1_000 + at // 6, "phone", body=b"%d" % at) for at in range(20)]
    write(migrated, workspace, *rows)
    monkeypatch.setattr(past, "_page_rows", 3)
    events: list[PastEvent] = []
    while page := list(past.page(workspace, ("phone",), CUT, events[-1] if events else None)):
        assert len(page) <= 3
        events += page
    assert [event.occurred_at for event in events] == sorted(row.occurred_at for row in rows)
    assert sorted(found(events)) == sorted(meant(*rows))


def test_pages_of_squashed_events_are_those_of_before(
    migrated: str, past: PastEvents, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(at % 4, at, 1_000 + at // 6, "phone", body=b"%d" % at) for at in range(20)]
    said: list[tuple[bool, ...]] = [(), (True,), (), (False, True), (True, False)]
    rows = [row._replace(said=said[at % 5], is_squashed=at % 3 > 0) for at, row in enumerate(rows)]
    write(migrated, workspace, *rows)
    monkeypatch.setattr(past, "_page_rows", 3)
    events: list[PastEvent] = []
    while page := list(past.page(workspace, ("phone",), (0, 0, 0, 0), events[-1] if events else None)):
        events += page
    wanted = [row for row in rows if row.is_squashed or row.said]
    assert [event.occurred_at for event in events] == sorted(row.occurred_at for row in wanted)
    assert {event.body: event.is_repetition for event in events} == {
        row.body: row.said[-1:] == (True,) for row in wanted
    }


def test_squashed_events_that_a_page_has_not_are_not_sorted_for_it(
    migrated: str, past: PastEvents, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(0, at, 5, "phone")._replace(is_squashed=True) for at in range(50)]
    write(migrated, workspace, *rows)
    *_, last = past.page(workspace, ("phone",), CUT, None)
    bounded = past_events._EVENTS.replace("SETTINGS", "SETTINGS max_rows_to_sort = 10,")
    monkeypatch.setattr(past_events, "_EVENTS", bounded)
    assert list(past.page(workspace, ("phone",), CUT, last)) == []
    with pytest.raises(TransientError, match="max rows: 10"):
        list(past.page(workspace, ("phone",), CUT, None))


def test_what_an_account_has_of_an_event_is_no_event_of_its_own(
    migrated: str, past: PastEvents, workspace: str
) -> None:
    of_person = row(0, 1, 5, "phone")._replace(said=(True,))
    write(migrated, workspace, of_person, of_person._replace(kind="account", said=(False, False)))
    assert [event.is_repetition for event in past.page(workspace, ("phone",), CUT, None)] == [True]


def test_any_value_is_found_as_it_is(migrated: str, past: PastEvents, workspace: str) -> None:
    rows = [row(0, at, at, value) for at, value in enumerate(AWKWARD)]
    write(migrated, workspace, *rows)
    for value, expected in zip(AWKWARD, rows, strict=True):
        assert found(past.page(workspace, (value,), CUT, None)) == meant(expected)
    assert found(past.page(workspace, AWKWARD, CUT, None)) == meant(*rows)


def test_a_thousand_long_identifiers_fit_into_a_query(migrated: str, past: PastEvents, workspace: str) -> None:
    write(migrated, workspace, row(0, 0, 1, "phone"))
    values = [f"{at:06}{'x' * 500}" for at in range(1_000)]
    assert len(list(past.page(workspace, [*values, "phone"], CUT, None))) == 1


@pytest.mark.parametrize("value", ["{:06}" + "x" * 500, "{:06}" + "\\" * 500, "{}", "{:06}" + "阿" * 500])
def test_a_slice_of_any_number_of_identifiers_fits_into_a_query(
    migrated: str, past: PastEvents, workspace: str, value: str
) -> None:
    values = [value.format(at) for at in range(45_000)]
    write(migrated, workspace, row(0, 0, 1, values[0]), row(0, 1, 2, values[-1]))
    sliced = list(slices(values))
    assert [one for some in sliced for one in some] == values
    assert len(sliced) > 1
    assert len(list(past.page(workspace, sliced[0], CUT, None))) == 1
    assert len(list(past.page(workspace, sliced[-1], CUT, None))) == 1


def test_sessions_are_found_of_any_number_of_profiles(migrated: str, past: PastEvents, workspace: str) -> None:
    profiles = [f"{at:036}" for at in range(210_000)]
    rows = (("s1", profiles[0], 1), ("s2", profiles[-1], 4))
    values = ", ".join(
        f"({literal(workspace)}, '{session}', '{profile}', 'open', 0, {version})" for session, profile, version in rows
    )
    columns = "workspace, session_id, profile_id, status, is_deleted, version"
    plain.post(migrated, content=f"INSERT INTO onefold.sessions ({columns}) VALUES {values}").raise_for_status()
    assert past.published(workspace, profiles) == PublishedSessions(("s1", "s2"), 4)


def test_bodies_of_any_bytes_and_size_come_back_whole(migrated: str, past: PastEvents, workspace: str) -> None:
    write(migrated, workspace, row(0, 0, 1, "phone", body=b"x" * 900_000))
    body = "unhex('00ff270a5c')"
    columns = "workspace, message_id, occurred_at, identifiers, body_bytes, version"
    values = f"({literal(workspace)}, 'raw', fromUnixTimestamp64Milli(2, 'UTC'), [('a', 'phone')], {body}, 7)"
    plain.post(migrated, content=f"INSERT INTO onefold.raw_events ({columns}) VALUES {values}").raise_for_status()
    big = (2**54,) * 1024
    assert [len(event.body) for event in past.page(workspace, ("phone",), big, None)] == [900_000, 5]
    assert [event.body for event in past.page(workspace, ("phone",), big, None)][1] == b"\x00\xff'\n\\"


def test_sessions_are_those_of_the_profile_that_are_not_retracted(
    migrated: str, past: PastEvents, workspace: str
) -> None:
    rows = [("s1", "p", "open", 0), ("s2", "p", "closed", 0), ("s3", "p", "retracted", 1), ("s4", "q", "open", 0)]
    values = ", ".join(
        f"({literal(workspace)}, '{session}', '{profile}', '{status}', {deleted}, 1)"
        for session, profile, status, deleted in rows
    )
    columns = "workspace, session_id, profile_id, status, is_deleted, version"
    plain.post(migrated, content=f"INSERT INTO onefold.sessions ({columns}) VALUES {values}").raise_for_status()
    assert past.published(workspace, ["p"]).sessions == ("s1", "s2")
    assert past.published(workspace, ["nobody"]) == PublishedSessions((), 0)


def test_a_clickhouse_that_is_away_is_worth_another_try_and_one_that_refuses_is_not(migrated: str) -> None:
    away = ("http://user:secret@127.0.0.1:1", TransientError, "127.0.0.1:1 does not answer")
    for url, kind, said in (away, (migrated, TerminalError, "code ")):
        with Warehouse(url) as broken, pytest.raises(kind, match=said) as raised:
            list(PastEvents(broken).page("main", ("x",), ("no number",), None))  # type: ignore[arg-type]
        assert "secret" not in str(raised.value)


def test_a_page_that_is_too_large_is_halved_and_tried_again_down_to_a_bound(
    past: PastEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large = "SELECT {limit} FROM numbers(10) SETTINGS max_result_rows = 1"
    monkeypatch.setattr("warehouse.queries.past_events._EVENTS", too_large)
    for rows in (10_000, 5_000, 2_500, 1_250, 625, 500):
        with pytest.raises(TransientError) as smaller:
            list(past.page("main", ("x",), CUT, None))
        assert not isinstance(smaller.value, QueryTooLargeError)
        assert past._page_rows == rows
    with pytest.raises(QueryTooLargeError):
        list(past.page("main", ("x",), CUT, None))


def test_a_session_that_another_profile_retracted_counts_for_the_version_and_is_not_listed(
    warehouse: Warehouse, past: PastEvents, workspace: str
) -> None:
    columns = "workspace, session_id, profile_id, status, is_deleted, version"
    for owner, status, deleted, version in (("p", "closed", 0, 3), ("q", "retracted", 1, 39)):
        values = f"({literal(workspace)}, 'p-1000', '{owner}', '{status}', {deleted}, {version})"
        warehouse.run(f"INSERT INTO onefold.sessions ({columns}) VALUES {values}")
    assert past.published(workspace, ["p"]) == PublishedSessions((), 39)
    assert past.published(workspace, ["q"]) == PublishedSessions((), 0)
