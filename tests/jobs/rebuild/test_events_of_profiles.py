"""The questions to ClickHouse, on the real engine: which events, in which order, page by page; and what goes wrong."""

from collections.abc import Iterator

import httpx
import pytest

from runtime.errors import TransientError
from schemas.records import Identifier
from warehouse.queries.replays import Published, Row, Warehouse, quoted, slices
from warehouse.rowbinary import Reader, Truncated

AWKWARD = ("it's", "back\\slash", "阿达", "tab\tnew\nline", "{x:String}", "nul\0", "' OR 1 = 1 --", "%s %(a)s", "")
CUT = (100, 100, 100, 100)
_HIGHEST_VERSION = 2**64 - 1


@pytest.fixture
def warehouse(migrated: str) -> Iterator[Warehouse]:
    client = Warehouse(migrated)
    yield client
    client.close()


def write(url: str, workspace: str, *rows: Row) -> None:
    """Insert events as the sink has them, one message id for each place."""
    values = ", ".join(
        f"({quoted(workspace)}, 'm{row.partition}-{row.offset}', fromUnixTimestamp64Milli({row.occurred_at}, 'UTC'), ["
        + ", ".join(f"({quoted(one.namespace)}, {quoted(one.value)})" for one in row.identifiers)
        + f"], {quoted(row.body.decode())}, {_HIGHEST_VERSION - (row.offset << 10 | row.partition)})"
        for row in rows
    )
    columns = "workspace, message_id, occurred_at, identifiers, body_bytes, version"
    answer = httpx.post(url, content=f"INSERT INTO onefold.events ({columns}) VALUES {values}")
    assert answer.status_code == httpx.codes.OK, answer.text


def row(partition: int, offset: int, occurred_at: int, *values: str, body: bytes = b"bytes") -> Row:
    identifiers = tuple(Identifier("anonymous_id", value) for value in values)
    return Row(occurred_at, partition, offset, identifiers, body)


def test_events_come_in_order_of_time_then_place_and_only_those_before_the_cut(
    migrated: str, warehouse: Warehouse, workspace: str
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
    assert list(warehouse.events(workspace, ("phone",), (10, 6, 10, 6), None)) == expected
    assert list(warehouse.events("nobody", ("phone",), (10, 6, 10, 6), None)) == []
    assert list(warehouse.events(workspace, ("phone",), (), None)) == []


def test_a_page_goes_on_behind_the_row_before(
    migrated: str, warehouse: Warehouse, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(at % 4, at, 1_000 + at // 6, "phone") for at in range(20)]
    write(migrated, workspace, *rows)
    monkeypatch.setattr(warehouse, "_page_rows", 3)
    found: list[Row] = []
    while page := list(warehouse.events(workspace, ("phone",), CUT, found[-1] if found else None)):
        assert len(page) <= 3
        found += page
    assert found == sorted(rows, key=lambda one: (one.occurred_at, one.offset, one.partition))


def test_any_value_is_found_as_it_is(migrated: str, warehouse: Warehouse, workspace: str) -> None:
    rows = [row(0, at, at, value) for at, value in enumerate(AWKWARD)]
    write(migrated, workspace, *rows)
    for value, expected in zip(AWKWARD, rows, strict=True):
        assert list(warehouse.events(workspace, (value,), CUT, None)) == [expected]
    assert list(warehouse.events(workspace, AWKWARD, CUT, None)) == rows


def test_a_thousand_long_identifiers_fit_into_a_question(migrated: str, warehouse: Warehouse, workspace: str) -> None:
    write(migrated, workspace, row(0, 0, 1, "phone"))
    values = [f"{at:06}{'x' * 500}" for at in range(1_000)]
    assert len(list(warehouse.events(workspace, [*values, "phone"], CUT, None))) == 1


@pytest.mark.parametrize("value", ["{:06}" + "x" * 500, "{:06}" + "\\" * 500, "{}", "{:06}" + "阿" * 500])
def test_a_slice_of_any_number_of_identifiers_fits_into_a_question(
    migrated: str, warehouse: Warehouse, workspace: str, value: str
) -> None:
    values = [value.format(at) for at in range(45_000)]
    write(migrated, workspace, row(0, 0, 1, values[0]), row(0, 1, 2, values[-1]))
    sliced = list(slices(values))
    assert [one for some in sliced for one in some] == values
    assert len(sliced) > 1
    assert len(list(warehouse.events(workspace, sliced[0], CUT, None))) == 1
    assert len(list(warehouse.events(workspace, sliced[-1], CUT, None))) == 1


def test_sessions_are_found_of_any_number_of_profiles(migrated: str, warehouse: Warehouse, workspace: str) -> None:
    profiles = [f"{at:036}" for at in range(210_000)]
    rows = (("s1", profiles[0], 1), ("s2", profiles[-1], 4))
    values = ", ".join(
        f"({quoted(workspace)}, '{session}', '{profile}', 'open', 0, {version})" for session, profile, version in rows
    )
    columns = "workspace, session_id, profile_id, status, is_deleted, version"
    httpx.post(migrated, content=f"INSERT INTO onefold.sessions ({columns}) VALUES {values}").raise_for_status()
    assert warehouse.published(workspace, profiles) == Published(("s1", "s2"), 4)


def test_bodies_of_any_bytes_and_size_come_back_whole(migrated: str, warehouse: Warehouse, workspace: str) -> None:
    write(migrated, workspace, row(0, 0, 1, "phone", body=b"x" * 900_000))
    body = "unhex('00ff270a5c')"
    columns = "workspace, message_id, occurred_at, identifiers, body_bytes, version"
    values = f"({quoted(workspace)}, 'raw', fromUnixTimestamp64Milli(2, 'UTC'), [('a', 'phone')], {body}, 7)"
    httpx.post(migrated, content=f"INSERT INTO onefold.events ({columns}) VALUES {values}").raise_for_status()
    big = (2**54,) * 1024
    assert [len(one.body) for one in warehouse.events(workspace, ("phone",), big, None)] == [900_000, 5]
    assert [one.body for one in warehouse.events(workspace, ("phone",), big, None)][1] == b"\x00\xff'\n\\"


def test_sessions_are_those_of_the_profile_that_are_not_retracted(
    migrated: str, warehouse: Warehouse, workspace: str
) -> None:
    rows = [("s1", "p", "open", 0), ("s2", "p", "closed", 0), ("s3", "p", "retracted", 1), ("s4", "q", "open", 0)]
    values = ", ".join(
        f"({quoted(workspace)}, '{session}', '{profile}', '{status}', {deleted}, 1)"
        for session, profile, status, deleted in rows
    )
    columns = "workspace, session_id, profile_id, status, is_deleted, version"
    httpx.post(migrated, content=f"INSERT INTO onefold.sessions ({columns}) VALUES {values}").raise_for_status()
    assert warehouse.published(workspace, ["p"]).sessions == ("s1", "s2")
    assert warehouse.published(workspace, ["nobody"]) == Published((), 0)


def test_a_clickhouse_that_is_away_or_refuses_is_worth_another_try(migrated: str) -> None:
    for url, said in (("http://user:secret@127.0.0.1:1", "127.0.0.1:1 does not answer"), (migrated, "Code: ")):
        broken = Warehouse(url)
        with pytest.raises(TransientError, match=said) as raised:
            list(broken.events("main", ("x",), ("no number",), None))  # type: ignore[arg-type]
        assert "secret" not in str(raised.value)


def test_rows_that_break_off_are_noticed() -> None:
    whole = b"\x01\x02\x03"
    assert Reader(iter([b"\x02", b"a", b"", b"b"])).string() == b"ab"
    for pieces in ([], [whole], [whole, b"\x04"]):
        with pytest.raises(Truncated):
            Reader(iter(pieces)).int64()
    assert Reader(iter([b"", b""])).is_at_end()
