"""The query of a mined trait within its bounds, and its result compared with what profiles show."""

import json
from collections import Counter
from collections.abc import Mapping

import pytest

from definitions import load
from definitions.model import Mining
from onefold.examples import EXAMPLES
from schemas import topics
from schemas.records import IdentityChange, Profile
from tests.sinks.examples import NOW, event, insert, placed, profile, resolved
from warehouse.client import Warehouse
from warehouse.queries.mining import Compared, MinedQuery, QueryRefused, check, checked, compare, json_text

pytestmark = pytest.mark.stack

LIBRARY = EXAMPLES / "library"
OTHERS = ["default", "system", "information_schema"]
FUNCTIONS = ["numbers", "url", "remote", "merge", "file", "s3", "format", "view", "values"]


def id_of(name: str) -> str:
    return f"00000000-0000-5000-8000-{name.encode().hex():0>12}"


def write(warehouse: Warehouse, workspace: str, shown: Mapping[str, str], version: int = 1) -> None:
    """Write profiles, each with the JSON text of its traits."""
    profiles = [profile(id_of(name), version, workspace, traits=traits) for name, traits in shown.items()]
    insert(warehouse, [placed(topics.PROFILES, each, at) for at, each in enumerate(profiles)])


def values(*rows: str) -> str:
    return " UNION ALL ".join(f"SELECT {row}" for row in rows)


def row(name: str, value: str) -> str:
    return f"'{id_of(name)}' AS profile_id, {value} AS value"


def mined(workspace: str, query: str, *, is_new: bool = False) -> MinedQuery:
    return MinedQuery(workspace, "person", "score", query, is_new)


def united(blocks: list[Compared]) -> tuple[dict[str, str | None], dict[str, int]]:
    found: dict[str, str | None] = {}
    counts: Counter[str] = Counter()
    for block in blocks:
        found |= block.values
        counts += block.counts
    return found, dict(counts)


def compared(warehouse: Warehouse, query: MinedQuery) -> tuple[dict[str, str | None], dict[str, int]]:
    return united(list(compare(warehouse, query)))


def test_differences_are_found_and_all_is_counted(warehouse: Warehouse, workspace: str) -> None:
    write(
        warehouse,
        workspace,
        {"same": '{"score":1}', "other": '{"score":1}', "new": "{}", "gone": '{"score":3}', "none": '{"plan":"pro"}'},
    )
    query = values(row("same", "1"), row("other", "2"), row("new", "4"), row("nobody", "5"))
    found, counts = compared(warehouse, mined(workspace, query))
    assert found == {id_of("other"): "2", id_of("new"): "4", id_of("gone"): None}
    assert counts == {"same": 1, "changed": 2, "lost": 1, "unknown": 1}


def test_of_a_new_query_everything_is_sent(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, {"same": '{"score":1}'})
    found, _ = compared(warehouse, mined(workspace, values(row("same", "1")), is_new=True))
    assert found == {id_of("same"): "1"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'gold'", "gold"),
        ("toFixedString('ab', 4)", "ab"),
        ("'\"/\\\\\n金'", '"/\\\n金'),
        ("CAST('x' AS LowCardinality(Nullable(String)))", "x"),
        ("CAST('b' AS Enum8('a' = 1, 'b' = 2))", "b"),
        ("toUInt8(7)", 7),
        ("-9007199254740992", -(2**53)),
        ("9007199254740993", None),
        ("toUInt64(18446744073709551615)", None),
        ("0.1", 0.1),
        ("toFloat32(0.1)", 0.1),
        ("1e22", 1e22),
        ("toDecimal64(12.5, 3)", 12.5),
        ("nan", None),
        ("inf", None),
        ("true", True),
        ("toDate('2026-01-31')", "2026-01-31"),
        ("toDateTime('2026-01-31 12:00:00', 'Asia/Tokyo')", "2026-01-31T03:00:00.000Z"),
        ("toDateTime64('2026-01-31 12:00:00.123456', 6, 'UTC')", "2026-01-31T12:00:00.123Z"),
        ("toDateTime64('1960-01-31 12:00:00.9999', 4, 'Asia/Tokyo')", "1960-01-31T03:00:00.999Z"),
        ("toDateTime64('2026-01-31 12:00:00.1', 1, 'UTC')", "2026-01-31T12:00:00.100Z"),
        ("toDateTime64('2262-04-11 23:47:16.854775807', 9, 'UTC')", "2262-04-11T23:47:16.854Z"),
        ("fromUnixTimestamp64Second(toInt64(1e17))", "9999-12-31T23:59:59.000Z"),
        ("fromUnixTimestamp64Second(toInt64(-1e17))", "0000-01-01T00:00:00.000Z"),
        ("[fromUnixTimestamp64Second(toInt64(1e17))]", ["9999-12-31T23:59:59.000Z"]),
        ("['a', 'b']", ["a", "b"]),
        ("[1, 2.5]", [1, 2.5]),
        ("CAST([] AS Array(String))", []),
        ("['a', NULL]", None),
        ("range(201)", None),
        ("repeat('x', 9000)", None),
        ("unhex('ff')", None),
        ("CAST(NULL AS Nullable(Int32))", None),
    ],
)
def test_values_of_every_type_become_json(
    warehouse: Warehouse, workspace: str, expression: str, expected: object
) -> None:
    write(warehouse, workspace, {"ann": "{}", "ben": f'{{"score":{json.dumps(expected)}}}'})
    query = mined(workspace, values(row("ann", expression), row("ben", expression)))
    found, counts = compared(warehouse, query)
    if expected is None:
        assert id_of("ann") not in found
        assert counts.get("misfits", 0) == (0 if "NULL AS" in expression else 2)
    else:
        assert {each: json.loads(text or "") for each, text in found.items()} == {id_of("ann"): expected}


@pytest.mark.parametrize("expression", ["map('a', 1)", "tuple(1, 'a')", "[['a']]", "NULL"])
def test_a_type_that_is_no_trait_is_refused_with_its_name(
    warehouse: Warehouse, workspace: str, expression: str
) -> None:
    with pytest.raises(QueryRefused, match="is of type"):
        check(warehouse, mined(workspace, values(row("ann", expression))))


def test_a_query_without_its_columns_is_refused(warehouse: Warehouse, workspace: str) -> None:
    with pytest.raises(QueryRefused, match="no column 'value', but profile_id, score"):
        check(warehouse, mined(workspace, "SELECT 'value' AS profile_id, 1 AS score"))


def test_a_table_or_column_that_there_is_not_is_said_with_what_may_be_meant(
    warehouse: Warehouse, workspace: str
) -> None:
    with pytest.raises(QueryRefused, match=r"Did you mean segment_members\? There are the tables") as refused:
        check(warehouse, mined(workspace, "SELECT profile_id, 1 AS value FROM segment_member"))
    assert "onefold migrate" not in str(refused.value)
    with pytest.raises(QueryRefused, match=r"Did you mean profile_id\? The columns of segment_members are"):
        check(warehouse, mined(workspace, "SELECT profil_id, 1 AS value FROM segment_members"))


def test_of_several_rows_the_greatest_value_counts(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, {"ann": "{}"})
    query = values(row("ann", "2."), row("ann", "10."), row("ann", "nan"))
    found, counts = compared(warehouse, mined(workspace, query))
    assert found == {id_of("ann"): "10"}
    assert counts["misfits"] == 1


def test_ids_that_gave_way_are_the_profile_of_now_whose_own_row_comes_first(
    warehouse: Warehouse, workspace: str
) -> None:
    write(warehouse, workspace, dict.fromkeys(("ann", "ben", "eve", "back"), "{}"))
    for name, into in (("a1", "a2"), ("a2", "ann"), ("b1", "ben")):
        gone = Profile(workspace, id_of(name), NOW, 2, "{}", merged_into=id_of(into))
        insert(warehouse, [placed(topics.PROFILES, gone, 10)])
    merges = [("a1", "a2", 1), ("a2", "ann", 2), ("b1", "ben", 3), ("back", "eve", 4)]
    records = [
        IdentityChange(workspace, decision, "merged", NOW, "r", retired=(id_of(name),), profile_id=id_of(into))
        for name, into, decision in merges
    ]
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, each, at) for at, each in enumerate(records)])
    query = values(row("a1", "5"), row("a2", "6"), row("b1", "9"), row("ben", "1"), row("back", "7"), row("eve", "8"))
    found, counts = compared(warehouse, mined(workspace, query))
    assert found == {id_of("ann"): "6", id_of("ben"): "1", id_of("back"): "7", id_of("eve"): "8"}
    assert counts == {"changed": 4}


def test_profiles_of_another_kind_or_workspace_are_unknown(warehouse: Warehouse, workspace: str) -> None:
    device = profile("00000000-0000-8000-8000-0000000000d1", 1, workspace, kind="device")
    elsewhere = profile(id_of("elsewhere"), 1, f"{workspace}2")
    insert(warehouse, [placed(topics.PROFILES, each, at) for at, each in enumerate((device, elsewhere))])
    query = values(f"'{device.profile_id}' AS profile_id, 1 AS value", row("elsewhere", "1"))
    assert compared(warehouse, mined(workspace, query)) == ({}, {"unknown": 2})


def test_a_query_sees_the_rows_of_its_workspace_alone_below_views_as_well(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, {"ann": "{}"})
    for name in (workspace, f"{workspace}2", f"{workspace}'3"):
        insert(warehouse, [resolved(event(f"m{number}", name), number, id_of("ann")) for number in range(2)])
    for table in ("events", "raw_events", "current_events", "onefold.events"):
        query = f"SELECT '{id_of('ann')}' AS profile_id, (SELECT count() FROM {table}) AS value"
        assert compared(warehouse, mined(workspace, query))[0] == {id_of("ann"): "2"}, table
    query = (
        f"SELECT '{id_of('ann')}' AS profile_id, count() AS value FROM events WHERE workspace = {{workspace:String}}"
    )
    assert compared(warehouse, mined(workspace, query))[0] == {id_of("ann"): "2"}


def test_the_table_of_a_model_is_read_and_its_workspace_respected(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, {"ann": "{}", "ben": "{}"})
    table = f"scores_{workspace}"
    warehouse.run(
        f"CREATE TABLE onefold.{table} (workspace String, profile_id String, risk Float64) ORDER BY profile_id"
    )
    try:
        for name, who in ((workspace, "ann"), ("another", "ben")):
            warehouse.run(f"INSERT INTO onefold.{table} VALUES ('{name}', '{id_of(who)}', 0.5)")
        query = f"SELECT profile_id, risk AS value FROM {table}"
        assert compared(warehouse, mined(workspace, query))[0] == {id_of("ann"): "0.5"}
    finally:
        warehouse.run(f"DROP TABLE onefold.{table}")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT a AS profile_id, b AS value FROM system.one", "'system'"),
        ("SELECT a AS profile_id, b AS value FROM `default`.t", "'default'"),
        ("SELECT a AS profile_id, b AS value FROM url('http://x', 'TSV')", "url()"),
        ("SELECT a AS profile_id, b AS value FROM merge('system', '.*')", "merge()"),
        ("SELECT file('/etc/passwd') AS profile_id, 1 AS value", "file()"),
        ("SELECT dictGetString('d', 'a', 1) AS profile_id, 1 AS value", "dictGetString()"),
        ("SELECT '' AS profile_id, getSetting('additional_table_filters') AS value", "getSetting()"),
        ("SELECT '' AS profile_id, GETSERVERSETTING('max_connections') AS value", "GETSERVERSETTING()"),
        ("SELECT '' AS profile_id, hostName() AS value", "hostName()"),
        ("SELECT 1 AS profile_id, 1 AS value SETTINGS readonly = 0", "SETTINGS"),
        ("SELECT 1 AS profile_id, 1 AS value) UNION ALL (SELECT 1, 2", "more than one"),
        ("SELECT 1 AS profile_id, 1 AS value; DROP TABLE events", "more than one"),
        ("SELECT 1 AS profile_id, 1 AS value FROM \u2019x\u2019", "cannot be read"),
    ],
)
def test_what_leads_elsewhere_is_refused_by_name(query: str, why: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        checked(query, OTHERS, FUNCTIONS)
    assert why in str(refused.value)


def test_a_last_semicolon_and_comments_do_no_harm(warehouse: Warehouse, workspace: str) -> None:
    write(warehouse, workspace, {"ann": "{}"})
    query = f"WITH 1 AS x SELECT '{id_of('ann')}' AS profile_id, x AS value -- the only one;\n;  -- done"
    assert compared(warehouse, mined(workspace, query))[0] == {id_of("ann"): "1"}


def test_a_write_is_refused_by_clickhouse(warehouse: Warehouse, workspace: str) -> None:
    with pytest.raises(Exception, match=r"(?i)readonly|syntax"):
        check(warehouse, mined(workspace, "INSERT INTO onefold.profiles SELECT 1 AS profile_id, 2 AS value"))


def test_a_hundred_thousand_rows_come_in_blocks(warehouse: Warehouse, workspace: str) -> None:
    query = "SELECT toString(number) AS profile_id, number AS value FROM numbers(100000)"
    blocks = list(compare(warehouse, mined(workspace, query)))
    assert len(blocks) > 10
    assert united(blocks) == ({}, {"unknown": 100_000})


def test_the_type_says_the_expression() -> None:
    assert json_text("Map(String, UInt8)") is None
    assert json_text("Array(Array(UInt8))") is None
    assert json_text("LowCardinality(Nullable(String))") == json_text("String")


def test_the_decile_of_the_library_is_that_of_the_workspace(warehouse: Warehouse, workspace: str) -> None:
    people = [f"p{number}" for number in range(20)]
    write(warehouse, workspace, dict.fromkeys(people, "{}"))
    for at, name in enumerate(people):
        for each in (workspace, f"{workspace}2"):
            total = f'{{"total": {100 - at if each == workspace else at}}}'
            insert(warehouse, [resolved(event(f"m{at}", each, properties=total), at, id_of(name))])
    (decile,) = (trait for trait in load(LIBRARY).traits if isinstance(trait.value, Mining))
    assert isinstance(decile.value, Mining)
    found, _ = compared(warehouse, mined(workspace, decile.value.query))
    assert found == {id_of(name): str(10 - at // 2) for at, name in enumerate(people)}
