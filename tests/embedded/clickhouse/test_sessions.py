"""Requests share tables and nothing else, and start from the profile."""

import pytest

from embedded.clickhouse.profile import PROFILE
from tests.embedded.clickhouse.conftest import Server


@pytest.fixture
def merged(server: Server) -> Server:
    """Two versions of key 1 and one of key 2 in a ReplacingMergeTree, in parts that stay apart."""
    server.ask("CREATE TABLE r (k UInt8, v UInt8) ENGINE = ReplacingMergeTree(v) ORDER BY k")
    server.ask("SYSTEM STOP MERGES r")
    server.ask("INSERT INTO r VALUES (1, 1), (2, 1)")
    server.ask("INSERT INTO r VALUES (1, 2)")
    return server


def test_every_setting_of_the_profile_is_in_force(server: Server) -> None:
    for name, value in PROFILE.items():
        assert server.ask(f"SELECT value FROM system.settings WHERE name = '{name}'") == value


def test_a_replacing_table_reads_as_one_row_per_key(merged: Server) -> None:
    assert merged.ask("SELECT count() FROM r") == "2"
    assert merged.ask("SELECT v FROM r WHERE k = 1") == "2"
    assert merged.ask("SELECT count() FROM r", final="0") == "3"
    assert merged.ask("SELECT count() FROM r SETTINGS final = 0") == "3"


def test_the_profile_suits_everything_else(merged: Server) -> None:
    merged.ask("CREATE VIEW w AS SELECT k, max(v) AS v FROM r GROUP BY k")
    assert merged.ask("SELECT * FROM w ORDER BY k") == "1\t2\n2\t1"
    assert merged.ask("SELECT count() FROM r AS x JOIN w USING (k) JOIN (SELECT 1 AS k) AS one USING (k)") == "1"
    assert merged.ask("SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name") == "r\nw"
    merged.ask("CREATE TABLE plain (k UInt8, v UInt8) ENGINE = MergeTree ORDER BY k")
    merged.ask("CREATE MATERIALIZED VIEW mv TO plain AS SELECT k, v FROM r")
    merged.ask("INSERT INTO plain SELECT * FROM r")
    assert merged.ask("SELECT count() FROM plain") == "2"
    merged.ask("INSERT INTO r VALUES (3, 1)")
    assert merged.ask("SELECT count() FROM plain") == "3"
    merged.ask("ALTER TABLE r ADD COLUMN j JSON")
    merged.ask("SYSTEM START MERGES r")
    merged.ask("ALTER TABLE r DELETE WHERE k = 3 SETTINGS mutations_sync = 1")
    merged.ask("OPTIMIZE TABLE plain FINAL")
    assert merged.ask("SELECT count() FROM r") == "2"
    assert merged.ask("SELECT count() FROM (SELECT * FROM numbers(3) UNION ALL SELECT k FROM r)") == "5"
    assert merged.ask("EXPLAIN SYNTAX SELECT count() FROM r")


def test_a_requests_settings_end_with_it(server: Server) -> None:
    threads = server.ask("SELECT getSetting('max_threads')")
    for number in range(40):  # more than there are threads, so that one would be met again
        assert server.ask("SELECT getSetting('max_threads')", max_threads=str(50 + number)) == str(50 + number)
        server.ask("SET max_threads = 49")
        assert server.ask("SELECT getSetting('max_threads')") == threads


def test_databases_and_temporary_tables_end_with_the_request(server: Server) -> None:
    server.ask("USE system")
    server.ask("CREATE TEMPORARY TABLE gone (a UInt8)")
    for _ in range(40):
        assert server.ask("SELECT currentDatabase()") == "default"
        assert server.http.post("/", content="SELECT * FROM gone").status_code == 404


def test_parameters_end_with_the_request(server: Server) -> None:
    assert server.ask("SELECT {a:String}", param_a="x") == "x"
    response = server.http.post("/", content="SELECT {a:String}")
    assert response.headers["x-clickhouse-exception-code"] == "456"


def test_a_failed_request_leaves_nothing_behind(server: Server) -> None:
    server.ask("CREATE TABLE t (a UInt8) ENGINE = Memory")
    for _ in range(20):
        assert server.http.post("/", content="INSERT INTO t FORMAT Native\nnonsense").status_code != 200
        assert server.http.post("/", content="SELECT nope", params={"max_threads": "50"}).status_code == 404
        assert server.ask("SELECT getSetting('max_threads') != 50, count() FROM t") == "1\t0"
