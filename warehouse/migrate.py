"""Applies migrations in order and records them. Leaves waiting for ClickHouse to the caller.

Two processes may migrate at once and each may be repeated: a migration's statements must be idempotent
(CREATE ... IF NOT EXISTS, CREATE OR REPLACE, ALTER ... IF [NOT] EXISTS, an INSERT of rows that replace themselves), so
running one twice changes nothing.
"""

import hashlib
from pathlib import Path

import msgspec

from runtime.errors import TerminalError
from warehouse.client import DATABASE, Warehouse

MIGRATIONS = Path(__file__).parent / "migrations"

_RECORD = f"""
CREATE TABLE IF NOT EXISTS {DATABASE}.migrations
(
    number UInt32,
    name String,
    checksum String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY number
"""


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    statements: tuple[str, ...]
    checksum: str


def read_migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """The migrations of a folder, by number. A statement ends with `;` at the end of a line."""
    return tuple(_read(path) for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")))


def migrate(warehouse: Warehouse, migrations: tuple[Migration, ...] | None = None) -> tuple[str, ...]:
    """Bring the database up to date; the names of the migrations applied now.

    Raises TerminalError when a migration that was applied has changed since, and the warehouse's own errors.
    """
    warehouse.run(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    warehouse.run(_RECORD)
    rows = warehouse.rows(f"SELECT number, checksum FROM {DATABASE}.migrations FINAL")
    checksums = {row["number"]: row["checksum"] for row in rows}
    applied = []
    for migration in read_migrations() if migrations is None else migrations:
        checksum = checksums.get(migration.number)
        if checksum is None:
            _apply(warehouse, migration)
            applied.append(migration.name)
        elif checksum != migration.checksum:
            raise TerminalError(f"migration {migration.name} has changed since it was applied: add a new one instead")
    return tuple(applied)


def _apply(warehouse: Warehouse, migration: Migration) -> None:
    for statement in migration.statements:
        if _is_applied(warehouse, migration):
            return  # by another process, which may be writing into a table that a statement would replace
        warehouse.run(statement)
    warehouse.run(
        f"INSERT INTO {DATABASE}.migrations (number, name, checksum)"
        f" VALUES ({migration.number}, '{migration.name}', '{migration.checksum}')"
    )


def _is_applied(warehouse: Warehouse, migration: Migration) -> bool:
    return bool(warehouse.rows(f"SELECT 1 FROM {DATABASE}.migrations WHERE number = {migration.number} LIMIT 1"))


def _read(path: Path) -> Migration:
    text = path.read_text(encoding="utf-8")
    statements = tuple(chunk.strip().removesuffix(";") for chunk in text.split(";\n") if chunk.strip())
    return Migration(int(path.name[:4]), path.stem, statements, hashlib.sha256(text.encode()).hexdigest())
