"""What a rebuild reads of the past, on the real engine: which events, in which order, page by page; what goes wrong."""

import httpx
import pytest

from runtime.errors import TransientError
from schemas.records import Identifier
from warehouse.client import Warehouse
from warehouse.queries.past_events import PastEvent, PastEvents, Published
from warehouse.queries.values import literal, slices

AWKWARD = ("it's", "back\\slash", "阿达", "tab\tnew\nline", "{x:String}", "nul\0", "' OR 1 = 1 --", "%s %(a)s", "")
CUT = (100, 100, 100, 100)
_HIGHEST_VERSION = 2**64 - 1


@pytest.fixture
def past(warehouse: Warehouse) -> PastEvents:
    return PastEvents(warehouse)


def write(url: str, workspace: str, *rows: PastEvent) -> None:
    """Insert events as the sink has them, one message id for each place."""
    values = ", ".join(
        f"({literal(workspace)}, 'm{row.partition}-{row.offset}', fromUnixTimestamp64Milli({row.occurred_at}, 'UTC'), ["
        + ", ".join(f"({literal(one.namespace)}, {literal(one.value)})" for one in row.identifiers)
        + f"], {literal(row.body.decode())}, {_HIGHEST_VERSION - (row.offset << 10 | row.partition)})"
        for row in rows
    )
    columns = "workspace, message_id, occurred_at, identifiers, body_bytes, version"
    answer = httpx.post(url, content=f"INSERT INTO onefold.events ({columns}) VALUES {values}")
    assert answer.status_code == httpx.codes.OK, answer.text


def row(partition: int, offset: int, occurred_at: int, *values: str, body: bytes = b"bytes") -> PastEvent:
    identifiers = tuple(Identifier("anonymous_id", value) for value in values)
    return PastEvent(occurred_at, partition, offset, identifiers, body)


def test_events_come_in_order_of_time_then_place_and_only_those_before_the_cut(
    migrated: str, past: PastEvents, workspace: str
) -> None:
    expected = [
        row(1, 0, 10, "other", "phone"),
        row(1, 4, 20, "phone"),
        row(0, 5, 20, "phone"),
        row(3, 5, 20, "phone", body=b""),
        row(0, 9, 30, "phone"),
    ]
    others = [row(0, 10, 5, "phone"), row(1, 6, 7, "phone"), row(2, 1, 8, "tablet"), row(9, 1, 8, "phone")]
    write(migrated, workspace, *reversed(expected), *others)
    assert list(past.page(workspace, ("phone",), (10, 6, 10, 6), None)) == expected
    assert list(past.page("nobody", ("phone",), (10, 6, 10, 6), None)) == []
    assert list(past.page(workspace, ("phone",), (), None)) == []


def test_a_page_goes_on_behind_the_row_before(
    migrated: str, past: PastEvents, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(at % 4, at, 1_000 + at // 6, "phone") for at in range(20)]
    write(migrated, workspace, *rows)
    monkeypatch.setattr(past, "_page_rows", 3)
    found: list[PastEvent] = []
    while page := list(past.page(workspace, ("phone",), CUT, found[-1] if found else None)):
        assert len(page) <= 3
        found += page
    assert found == sorted(rows, key=lambda event: (event.occurred_at, event.offset, event.partition))


def test_any_value_is_found_as_it_is(migrated: str, past: PastEvents, workspace: str) -> None:
    rows = [row(0, at, at, value) for at, value in enumerate(AWKWARD)]
    write(migrated, workspace, *rows)
    for value, expected in zip(AWKWARD, rows, strict=True):
        assert list(past.page(workspace, (value,), CUT, None)) == [expected]
    assert list(past.page(workspace, AWKWARD, CUT, None)) == rows


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
    httpx.post(migrated, content=f"INSERT INTO onefold.sessions ({columns}) VALUES {values}").raise_for_status()
    assert past.published(workspace, profiles) == Published(("s1", "s2"), 4)


def test_bodies_of_any_bytes_and_size_come_back_whole(migrated: str, past: PastEvents, workspace: str) -> None:
    write(migrated, workspace, row(0, 0, 1, "phone", body=b"x" * 900_000))
    body = "unhex('00ff270a5c')"
    columns = "workspace, message_id, occurred_at, identifiers, body_bytes, version"
    values = f"({literal(workspace)}, 'raw', fromUnixTimestamp64Milli(2, 'UTC'), [('a', 'phone')], {body}, 7)"
    httpx.post(migrated, content=f"INSERT INTO onefold.events ({columns}) VALUES {values}").raise_for_status()
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
    httpx.post(migrated, content=f"INSERT INTO onefold.sessions ({columns}) VALUES {values}").raise_for_status()
    assert past.published(workspace, ["p"]).sessions == ("s1", "s2")
    assert past.published(workspace, ["nobody"]) == Published((), 0)


def test_a_clickhouse_that_is_away_or_refuses_is_worth_another_try(migrated: str) -> None:
    for url, said in (("http://user:secret@127.0.0.1:1", "127.0.0.1:1 does not answer"), (migrated, "code ")):
        with Warehouse(url) as broken, pytest.raises(TransientError, match=said) as raised:
            list(PastEvents(broken).page("main", ("x",), ("no number",), None))  # type: ignore[arg-type]
        assert "secret" not in str(raised.value)


def test_a_page_that_is_too_large_is_halved_and_tried_again(past: PastEvents, monkeypatch: pytest.MonkeyPatch) -> None:
    too_large = "SELECT {limit} FROM numbers(10) SETTINGS max_result_rows = 1"
    monkeypatch.setattr("warehouse.queries.past_events._EVENTS", too_large)
    for rows in (10_000, 5_000, 2_500, 1_250, 625, 500, 500):
        with pytest.raises(TransientError):
            list(past.page("main", ("x",), CUT, None))
        assert past._page_rows == rows


def test_a_session_that_another_profile_retracted_counts_for_the_version_and_is_not_listed(
    warehouse: Warehouse, past: PastEvents, workspace: str
) -> None:
    columns = "workspace, session_id, profile_id, status, is_deleted, version"
    for owner, status, deleted, version in (("p", "closed", 0, 3), ("q", "retracted", 1, 39)):
        values = f"({literal(workspace)}, 'p-1000', '{owner}', '{status}', {deleted}, {version})"
        warehouse.run(f"INSERT INTO onefold.sessions ({columns}) VALUES {values}")
    assert past.published(workspace, ["p"]) == Published((), 39)
    assert past.published(workspace, ["q"]) == Published((), 0)
