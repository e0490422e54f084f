"""Applies migrations in order and records them. Leaves waiting for ClickHouse to the caller.

Two processes may migrate at once and each may be repeated: a migration's statements must be idempotent
(CREATE ... IF NOT EXISTS, CREATE OR REPLACE, ALTER ... IF [NOT] EXISTS, an INSERT of rows that replace themselves), so
running one twice changes nothing. What was applied is not applied again by itself, whatever has happened to its tables
since: `completeness` tells, and repairs when somebody says so.
"""

import hashlib
from pathlib import Path

import msgspec

from runtime.errors import TerminalError
from warehouse.client import DATABASE, Warehouse
from warehouse.cluster import on_cluster

MIGRATIONS = Path(__file__).parent / "migrations"

_RECORD = f"""
CREATE TABLE IF NOT EXISTS {DATABASE}.migrations
(
    number UInt32 COMMENT 'Orders them',
    name String COMMENT 'What its file is called',
    checksum String COMMENT 'SHA-256 of its file',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was applied'
)
ENGINE = ReplacingMergeTree
ORDER BY number
COMMENT 'The migrations that were applied here. Key: the number.'
"""


class Migration(msgspec.Struct, frozen=True):
    """One step from an empty database to today's tables; `checksum`: of its text."""

    number: int
    name: str
    statements: tuple[str, ...]
    checksum: str


def read_migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read the migrations of a folder, by number. A statement ends with `;` at the end of a line."""
    return tuple(_read(path) for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")))


def migrate(warehouse: Warehouse, migrations: tuple[Migration, ...] | None = None) -> tuple[str, ...]:
    """Bring the database up to date; the names of the migrations applied now.

    Raises TerminalError when a migration that was applied has changed since or the server does not know its cluster,
    and the warehouse's own errors.
    """
    if warehouse.server.cluster:
        _check_cluster(warehouse)
    execute(warehouse, f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    execute(warehouse, _RECORD)
    rows = warehouse.rows(f"SELECT number, checksum FROM {DATABASE}.migrations FINAL")
    checksums = {row["number"]: row["checksum"] for row in rows}
    applied = []
    for migration in read_migrations() if migrations is None else migrations:
        checksum = checksums.get(migration.number)
        if checksum is None:
            _apply(warehouse, migration)
            applied.append(migration.name)
        elif checksum != migration.checksum:
            raise TerminalError(
                f"migration {migration.name} has changed since it was applied: begin with a new data folder or database"
                ", or use the release that has applied it; whoever changes tables adds a migration instead"
            )
    return tuple(applied)


def execute(warehouse: Warehouse, statement: str) -> None:
    """Run one statement of a migration, on the whole cluster if the settings name one."""
    warehouse.run(on_cluster(statement, warehouse.server.cluster))


def _check_cluster(warehouse: Warehouse) -> None:
    rows = warehouse.rows("SELECT cluster, uniq(shard_num) AS shards FROM system.clusters GROUP BY cluster")
    shards = {row["cluster"]: row["shards"] for row in rows}
    cluster, server = warehouse.server.cluster, warehouse.server.host_and_port
    if cluster not in shards:
        names = ", ".join(map(str, sorted(shards, key=str))) or "none"
        raise TerminalError(f"ONEFOLD_CLICKHOUSE_CLUSTER={cluster!r}: ClickHouse at {server} knows {names}")
    if shards[cluster] != 1:
        raise TerminalError(
            f"ONEFOLD_CLICKHOUSE_CLUSTER={cluster!r} has {shards[cluster]} shards, and Onefold writes to one: "
            "name a cluster of replicas"
        )


def _apply(warehouse: Warehouse, migration: Migration) -> None:
    for statement in migration.statements:
        if _is_applied(warehouse, migration):
            return  # by another process, which may be writing into a table that a statement would replace
        execute(warehouse, statement)
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
