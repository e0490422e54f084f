"""Migrations are applied once, by however many processes, and never change afterwards."""

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from embedded.layout import Ports
from embedded.stack import Stack, StackOptions
from runtime.errors import TerminalError
from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.migrate import Migration, migrate, read_migrations

# A table may be replaced by one that is made of it; of rows that are inserted twice the key leaves one.
_IDEMPOTENT = re.compile(
    r"CREATE TABLE IF NOT EXISTS |CREATE OR REPLACE VIEW "
    r"|ALTER TABLE \S+\s+(ADD COLUMN|ADD INDEX|MATERIALIZE INDEX) IF (NOT )?EXISTS "
    r"|CREATE OR REPLACE TABLE (?P<table>\S+)\s.*\sFROM (?P=table)$|INSERT INTO \S+\sSELECT\s",
    re.DOTALL,
)


@pytest.fixture
def extra(warehouse: Warehouse) -> Iterator[Migration]:
    """A migration after the shipped ones."""
    number = 1_000_000 + uuid.uuid4().int % 1_000_000
    table = f"onefold.extra_{number}"
    yield Migration(number, "extra", (f"CREATE TABLE IF NOT EXISTS {table} (a Int8) ENGINE = Memory",), "first")
    warehouse.run(f"DROP TABLE {table}")
    warehouse.run(f"DELETE FROM onefold.migrations WHERE number = {number}")


def test_statements_are_split_at_the_end_of_their_lines(tmp_path: Path) -> None:
    (tmp_path / "0002_second.sql").write_text("SELECT 2;\n")
    (tmp_path / "0001_first.sql").write_text("-- with ';' in it\nSELECT ';',\n 1;\n\nSELECT 3;\n")
    first, second = read_migrations(tmp_path)
    assert (first.number, first.name) == (1, "0001_first")
    assert first.statements == ("-- with ';' in it\nSELECT ';',\n 1", "SELECT 3")
    assert second.statements == ("SELECT 2",)
    assert first.checksum != second.checksum


def test_every_shipped_statement_may_run_twice() -> None:
    for migration in read_migrations():
        for statement in migration.statements:
            bare = re.sub(r"^--.*\n", "", statement, flags=re.MULTILINE).strip()
            assert _IDEMPOTENT.match(bare), f"{migration.name}: {bare[:60]}"


@pytest.mark.stack
def test_a_migration_that_was_interrupted_anywhere_can_be_run_again(warehouse: Warehouse) -> None:
    workspace = uuid.uuid4().hex
    warehouse.run(
        f"INSERT INTO onefold.identifiers (workspace, value, profile_id, version) VALUES ('{workspace}', 'v', 'p', 3)"
    )
    warehouse.run(
        f"INSERT INTO onefold.links (workspace, left_value, source, decision) VALUES ('{workspace}', 'l', 's', 7)"
    )
    identity = next(migration for migration in read_migrations() if migration.name == "0003_identity")
    for count in range(len(identity.statements) + 1):
        for statement in (*identity.statements[:count], *identity.statements):
            warehouse.run(statement)
        where = f"FINAL WHERE workspace = '{workspace}'"
        found = tuples(warehouse, f"SELECT value, profile_id, version, is_deleted FROM onefold.identifiers {where}")
        assert found == [("v", "p", 3, 0)]
        found = tuples(warehouse, f"SELECT left_value, source, decision, request_id FROM onefold.links {where}")
        assert found == [("l", "s", 7, "")]


@pytest.fixture
def of_old(tmp_path: Path) -> Iterator[Stack]:
    """A ClickHouse of its own with the tables of the release before `0003_identity`, and a row in each that changes."""
    with Stack(StackOptions(data_dir=tmp_path, ports=Ports.free(), processes=("clickhouse",))) as stack:
        client = Warehouse(stack.addresses.clickhouse)
        migrate(client, tuple(migration for migration in read_migrations() if migration.number < 3))
        client.run("INSERT INTO onefold.identifiers SELECT 'w', 'email', toString(number), 'p', 1 FROM numbers(1000)")
        client.run("INSERT INTO onefold.identifiers VALUES ('w', 'email', '7', 'newer', 2)")
        client.run(
            "INSERT INTO onefold.links VALUES"
            " ('w', 'user_id', 'ada', 'email', 'a', 'refused', 'why', 'm1', 'web', 5, 'r1', 2, 2)"
        )
        client.run("INSERT INTO onefold.events (workspace, message_id, version) SELECT 'w', 'm1', bitNot(7171::UInt64)")
        client.close()
        yield stack


@pytest.mark.stack
def test_two_at_once_bring_the_tables_of_an_older_release_up_to_date_and_lose_nothing(of_old: Stack) -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: migrate(Warehouse(of_old.addresses.clickhouse)), range(2)))
    warehouse = Warehouse(of_old.addresses.clickhouse)
    owners = "SELECT count(), groupArrayIf(value, profile_id = 'newer'), sum(is_deleted) FROM onefold.identifiers FINAL"
    assert tuples(warehouse, owners) == [(1000, ["7"], 0)]
    for table in ("links", "link_log"):
        found = tuples(warehouse, f"SELECT left_value, source, status, decision FROM onefold.{table} FINAL")
        assert found == [("ada", "web", "refused", 2)]
    found = tuples(warehouse, "SELECT message_id, body, partition, offset FROM onefold.events FINAL")
    assert found == [("m1", "", 3, 7)]


@pytest.mark.stack
def test_a_second_run_applies_nothing(warehouse: Warehouse, extra: Migration) -> None:
    assert migrate(warehouse, (extra,)) == ("extra",)
    assert migrate(warehouse, (extra,)) == ()
    assert migrate(warehouse) == ()


@pytest.mark.stack
def test_two_at_once_end_with_one_record(migrated: str, warehouse: Warehouse, extra: Migration) -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: migrate(Warehouse(migrated), (extra,)), range(2)))
    records = tuples(warehouse, f"SELECT checksum FROM onefold.migrations FINAL WHERE number = {extra.number}")
    assert records == [("first",)]


@pytest.mark.stack
def test_a_migration_that_changed_after_it_was_applied_is_refused(warehouse: Warehouse, extra: Migration) -> None:
    migrate(warehouse, (extra,))
    with pytest.raises(TerminalError, match="migration extra has changed since it was applied"):
        migrate(warehouse, (msgspec.structs.replace(extra, checksum="second"),))
