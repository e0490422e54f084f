"""Statements for a cluster: on all of its servers, replicated, and otherwise as they were."""

import pytest

from runtime.errors import TerminalError
from settings import ClickHouse
from warehouse.client import Warehouse
from warehouse.cluster import on_cluster
from warehouse.migrate import migrate, read_migrations

STATEMENTS = [statement for migration in read_migrations() for statement in migration.statements]
WINDOW = "SETTINGS replicated_deduplication_window = 5, replicated_deduplication_window_seconds = 604800"


@pytest.mark.parametrize(
    ("statement", "rendered"),
    [
        ("CREATE DATABASE IF NOT EXISTS d", "CREATE DATABASE IF NOT EXISTS d ON CLUSTER 'c'"),
        (
            "CREATE TABLE IF NOT EXISTS d.t (a Int8) ENGINE = ReplacingMergeTree(v, x) ORDER BY a"
            " SETTINGS non_replicated_deduplication_window = 5, index_granularity = 64",
            "CREATE TABLE IF NOT EXISTS d.t ON CLUSTER 'c' (a Int8) ENGINE = ReplicatedReplacingMergeTree(v, x)"
            f" ORDER BY a {WINDOW}, index_granularity = 64",
        ),
        (
            "create table `t` (a Int8) engine MergeTree order by a",
            "create table `t` ON CLUSTER 'c' (a Int8) engine ReplicatedMergeTree order by a",
        ),
        (
            "CREATE TABLE t AS d.s ENGINE = AggregatingMergeTree ORDER BY a",
            "CREATE TABLE t ON CLUSTER 'c' AS d.s ENGINE = ReplicatedAggregatingMergeTree ORDER BY a",
        ),
        ("CREATE TABLE t (a Int8) ENGINE = Memory", "CREATE TABLE t ON CLUSTER 'c' (a Int8) ENGINE = Memory"),
        (
            "CREATE TABLE t (a Int8) ENGINE = ReplicatedMergeTree ORDER BY a",
            "CREATE TABLE t ON CLUSTER 'c' (a Int8) ENGINE = ReplicatedMergeTree ORDER BY a",
        ),
        (
            "-- ENGINE = MergeTree of t\nCREATE TABLE t (engine String DEFAULT 'ENGINE = MergeTree' COMMENT 'TABLE x')"
            " ENGINE = MergeTree ORDER BY engine COMMENT 'ENGINE = MergeTree'",
            "-- ENGINE = MergeTree of t\nCREATE TABLE t ON CLUSTER 'c' (engine String DEFAULT 'ENGINE = MergeTree'"
            " COMMENT 'TABLE x') ENGINE = ReplicatedMergeTree ORDER BY engine COMMENT 'ENGINE = MergeTree'",
        ),
        (
            "CREATE OR REPLACE VIEW d.v AS SELECT engine FROM (SELECT 1 AS engine) WHERE engine = 2",
            "CREATE OR REPLACE VIEW d.v ON CLUSTER 'c' AS SELECT engine FROM (SELECT 1 AS engine) WHERE engine = 2",
        ),
        (
            "CREATE MATERIALIZED VIEW IF NOT EXISTS d.m TO d.t AS SELECT 1 AS a",
            "CREATE MATERIALIZED VIEW IF NOT EXISTS d.m ON CLUSTER 'c' TO d.t AS SELECT 1 AS a",
        ),
        ("CREATE OR REPLACE FUNCTION num AS (p) -> p", "CREATE OR REPLACE FUNCTION num ON CLUSTER 'c' AS (p) -> p"),
        (
            "ALTER TABLE d.t ADD COLUMN IF NOT EXISTS b Int8 AFTER a",
            "ALTER TABLE d.t ON CLUSTER 'c' ADD COLUMN IF NOT EXISTS b Int8 AFTER a",
        ),
        ("DROP TABLE IF EXISTS d.t SYNC", "DROP TABLE IF EXISTS d.t ON CLUSTER 'c' SYNC"),
        ("TRUNCATE TABLE d.t", "TRUNCATE TABLE d.t ON CLUSTER 'c'"),
        ("RENAME TABLE d.t TO d.s", "RENAME TABLE d.t TO d.s ON CLUSTER 'c'"),
        ("EXCHANGE TABLES d.t AND d.s", "EXCHANGE TABLES d.t AND d.s ON CLUSTER 'c'"),
    ],
)
def test_what_defines_is_done_everywhere(statement: str, rendered: str, warehouse: Warehouse) -> None:
    assert on_cluster(statement, "c") == rendered
    assert on_cluster(statement, "") == statement
    if " ON CLUSTER " in rendered:
        assert parsed(warehouse, rendered)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM t",
        "WITH 1 AS x SELECT x",
        "INSERT INTO t SELECT * FROM s",
        "INSERT INTO t (a) VALUES (1)",
        "CREATE TEMPORARY TABLE t (a Int8) ENGINE = Memory",
    ],
)
def test_rows_and_what_is_one_sessions_stay_as_they_are(statement: str) -> None:
    assert on_cluster(statement, "c") == statement


@pytest.mark.parametrize("statement", ["GRANT SELECT ON d.* TO ann", "CREATE ROLE r", "KILL QUERY WHERE 1"])
def test_what_nobody_has_thought_of_is_no_statement_of_a_cluster(statement: str) -> None:
    with pytest.raises(ValueError, match="how is this done on a cluster"):
        on_cluster(statement, "c")


@pytest.mark.parametrize("statement", STATEMENTS, ids=range(len(STATEMENTS)))
def test_the_engine_reads_every_shipped_statement_as_one_of_a_cluster(warehouse: Warehouse, statement: str) -> None:
    rendered = on_cluster(statement, "all_replicas")
    assert rendered.count("ON CLUSTER 'all_replicas'") == 1
    assert "MergeTree" not in rendered.replace("ReplicatedReplacingMergeTree", "").replace("ReplicatedMergeTree", "")
    assert "non_replicated" not in rendered
    assert "all_replicas" in parsed(warehouse, rendered)


def test_a_cluster_that_the_server_does_not_know_is_one_line(clickhouse_server: ClickHouse) -> None:
    with (
        Warehouse(clickhouse_server) as warehouse,
        pytest.raises(TerminalError, match=r"ONEFOLD_CLICKHOUSE_CLUSTER='nowhere': ClickHouse at .* knows "),
    ):
        migrate(warehouse)


@pytest.fixture
def clickhouse_server(warehouse: Warehouse) -> ClickHouse:
    """The server, by the name of a cluster that it does not have."""
    return ClickHouse(warehouse.server.url, cluster="nowhere")


def parsed(warehouse: Warehouse, statement: str) -> str:
    """What the engine's own parser makes of a statement; an error fails the test."""
    (row,) = warehouse.rows("SELECT formatQuery({statement:String}) AS text", {"statement": statement})
    return str(row["text"])
