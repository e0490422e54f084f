"""What was dropped is named, with what to do; and is made again when somebody says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from onefold.cli import onefold
from settings import ClickHouse
from tests.embedded.clickhouse.conftest import Server
from tests.support.rows import tuples
from tests.support.waiting import wait_until
from warehouse.blueprints import Blueprint, blueprints
from warehouse.client import Warehouse
from warehouse.completeness import Missing, check_complete, find_missing, listed, missing, repair
from warehouse.errors import IncompleteError
from warehouse.migrate import migrate, read_migrations
from warehouse.watch import Watch

STATEMENTS = [statement for migration in read_migrations() for statement in migration.statements]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A ClickHouse of these tests alone, which drop its tables."""
    own = Server(tmp_path_factory.mktemp("clickhouse"))
    yield own
    own.stop()


@pytest.fixture
def own(server: Server) -> Iterator[Warehouse]:
    """A client of it, with all tables there before and after."""
    with Warehouse(server.url) as warehouse:
        migrate(warehouse)
        repair(warehouse)
        yield warehouse
        migrate(warehouse)


def test_a_blueprint_has_columns_and_no_indexes() -> None:
    made = blueprints(
        [
            "CREATE TABLE IF NOT EXISTS d.t -- a table\n(\n    a LowCardinality(String), -- first, of all\n"
            "    `b` Array(Tuple(x String, y Int8)) DEFAULT [('a, b', 1)],\n    index_of UInt8,\n"
            "    INDEX i a TYPE minmax,\n    CONSTRAINT k CHECK a != ''\n) ENGINE = MergeTree ORDER BY (a, b)",
            "CREATE TABLE u AS d.t ENGINE = Memory",
            "CREATE OR REPLACE VIEW v COMMENT 'Says ''a''.' AS SELECT (a) FROM d.t",
            "CREATE FUNCTION IF NOT EXISTS f AS (x) -> x",
            "INSERT INTO d.t (a) VALUES ('CREATE TABLE n')",
        ]
    )
    columns = {
        "a": "a LowCardinality(String)",
        "b": "`b` Array(Tuple(x String, y Int8)) DEFAULT [('a, b', 1)]",
    }
    assert list(made) == ["t", "u", "v", "f"]
    assert dict(list(made["t"].columns.items())[:2]) == columns
    assert made["u"].columns == made["t"].columns
    assert [made[name].kind for name in made] == ["table", "table", "view", "function"]
    assert not made["v"].columns
    assert [made[name].comment for name in ("t", "v")] == ["", "Says 'a'."]
    assert made["f"].definition == "AS (x) -> x"


def test_what_is_missing_is_listed_shortly() -> None:
    functions = [Blueprint("function", name) for name in ("f", "g", "t")]
    made = (Blueprint("table", "t", {"a": "a Int8", "b": "b Int8"}), Blueprint("view", "v"), *functions)
    absent = tuple(missing(made, {"t": {"b", "z"}}, {"g": True, "t": False, "other": False}))
    taken = Missing("function", "t", taken=True)
    assert absent == (Missing("table", "t", "a"), Missing("view", "v"), Missing("function", "f"), taken)
    assert str(taken) == "function t (another one has its name: drop or rename that one)"
    absent = absent[:3]
    assert listed(absent) == "column t.a, view v, function f"
    assert listed((*absent, *absent)) == "column t.a, view v, function f and 3 more"


@pytest.mark.stack
def test_the_blueprints_are_what_the_migrations_make(own: Warehouse) -> None:
    query = "SELECT table, name FROM system.columns WHERE database = 'onefold' ORDER BY table, position"
    stored = [row for row in tuples(own, query) if row[0] in blueprints(STATEMENTS)]
    listed_columns = [
        (name, column) for name, made in sorted(blueprints(STATEMENTS).items()) for column in made.columns
    ]
    assert stored == listed_columns


@pytest.mark.stack
@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("DROP TABLE onefold.sessions SYNC", "table sessions"),
        ("DROP VIEW onefold.device_owners", "view device_owners"),
        ("RENAME TABLE onefold.links TO onefold.elsewhere", "table links"),
        ("DROP FUNCTION num", "function num"),
        ("ALTER TABLE onefold.sessions DROP COLUMN entry_url", "column sessions.entry_url"),
        ("ALTER TABLE onefold.identity_changes DROP COLUMN milliseconds", "column identity_changes.milliseconds"),
        ("ALTER TABLE onefold.link_log DROP COLUMN request_id", "column link_log.request_id"),
        (
            "CREATE OR REPLACE VIEW onefold.current_overrides AS SELECT identifier_id, profile_id, profile_kind"
            " FROM onefold.profile_overrides",
            "column current_overrides.owners",
        ),
    ],
)
def test_what_is_dropped_is_named_stays_away_and_is_made_again_on_request(
    own: Warehouse, statement: str, name: str
) -> None:
    own.run(statement)
    assert migrate(own) == ()
    with pytest.raises(IncompleteError, match=rf"lacks {name} \('onefold migrate' makes"):
        check_complete(own)
    assert [str(item) for item in repair(own)] == [name]
    check_complete(own)
    assert repair(own) == ()
    own.run("DROP TABLE IF EXISTS onefold.elsewhere SYNC")


@pytest.mark.stack
def test_a_column_comes_back_in_its_place(own: Warehouse) -> None:
    query = "SELECT name, type, default_kind, default_expression FROM system.columns WHERE database = 'onefold'"
    query += " AND table = 'profiles' ORDER BY position"
    before = tuples(own, query)
    own.run("ALTER TABLE onefold.profiles DROP COLUMN unparsed, DROP COLUMN counters, DROP COLUMN segments")
    assert len(repair(own)) == 3
    assert tuples(own, query) == before


@pytest.mark.stack
def test_a_function_of_somebody_elses_is_left_alone_and_told(own: Warehouse) -> None:
    own.run("CREATE OR REPLACE FUNCTION text AS (x) -> upper(x)")
    told = r"lacks function text \(another one has its name"
    for look in (check_complete, repair):
        with pytest.raises(IncompleteError, match=told):
            look(own)
    assert tuples(own, "SELECT text('a') AS a") == [("A",)]
    own.run("DROP FUNCTION text")
    assert [str(item) for item in repair(own)] == ["function text"]


@pytest.mark.stack
def test_a_database_that_is_gone_is_a_new_one(own: Warehouse) -> None:
    own.run("DROP DATABASE onefold SYNC")
    in_database = [made for made in blueprints(STATEMENTS).values() if made.kind != "function"]
    assert len(find_missing(own)) == len(in_database)
    assert len(migrate(own)) == len(read_migrations())
    check_complete(own)


@pytest.mark.stack
def test_the_watch_sees_a_table_go_and_come(own: Warehouse) -> None:
    with Watch(own.server, every_s=0.05) as watch:
        wait_until(lambda: watch.reason() is None, "the watch to see all tables")
        own.run("DROP TABLE onefold.triggers SYNC")
        wait_until(lambda: "lacks table triggers" in str(watch.reason()), "the watch to miss a table")
        repair(own)
        wait_until(lambda: watch.reason() is None, "the watch to see it again")


def test_the_watch_says_why_nobody_answers() -> None:
    with Watch(ClickHouse("http://ann:sekret@127.0.0.1:1"), every_s=0.05) as watch:
        wait_until(lambda: "does not answer:" in str(watch.reason()), "the watch to give up")
        assert "sekret" not in str(watch.reason())


@pytest.mark.stack
def test_a_person_checks_and_repairs_by_command(own: Warehouse, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        environment = {"ONEFOLD_CLICKHOUSE": own.server.url, "ONEFOLD_DATA_DIR": str(tmp_path)}
        ended = CliRunner().invoke(onefold, ["migrate", *arguments], env=environment)
        return ended.exit_code, ended.output

    whole = (0, "Every table is there, with all of its columns, every view and every function.\n")
    assert run("--check") == whole
    own.run("DROP TABLE onefold.sessions SYNC")
    assert run("--check") == (1, "missing: table sessions\n")
    assert run("--check", "--json") == (1, '{"applied": [], "missing": ["table sessions"]}\n')
    own.run("DROP FUNCTION num")
    assert run() == (0, "made again, empty: table sessions\nmade again: function num\n")
    assert run() == whole
