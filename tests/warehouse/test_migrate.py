"""Migrations are applied once, by however many processes, and never change afterwards."""

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from runtime.errors import TerminalError
from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.migrate import Migration, migrate, read_migrations

_IDEMPOTENT = re.compile(r"CREATE (TABLE|FUNCTION) IF NOT EXISTS |CREATE OR REPLACE VIEW ")


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
def test_migrations_that_were_interrupted_anywhere_can_be_run_again(warehouse: Warehouse, workspace: str) -> None:
    warehouse.run(f"INSERT INTO onefold.links (workspace, left_value, decision) VALUES ('{workspace}', 'l', 7)")
    statements = [statement for migration in read_migrations() for statement in migration.statements]
    for count in range(len(statements) + 1):
        for statement in (*statements[:count], *statements):
            warehouse.run(statement)
    links = tuples(warehouse, f"SELECT left_value, decision FROM onefold.links FINAL WHERE workspace = '{workspace}'")
    assert links == [("l", 7)]


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
