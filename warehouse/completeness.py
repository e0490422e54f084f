"""What is missing in ClickHouse of what the migrations make, and how it is made again."""

import json
from collections.abc import Collection, Iterator, Mapping
from functools import cache

import msgspec

from warehouse.blueprints import Blueprint, blueprints
from warehouse.client import DATABASE, Warehouse
from warehouse.errors import IncompleteError
from warehouse.migrate import execute, read_migrations

_NAMED = 3

# By tables, as a view with parameters has no columns until it is queried.
_COLUMNS = """
SELECT made.name AS table, groupArray(listed.name) AS columns
FROM system.tables AS made
LEFT JOIN system.columns AS listed ON listed.database = made.database AND listed.table = made.name
WHERE made.database = {database:String}
GROUP BY table
"""
# All databases share functions, so another one may have the name; the server says how it writes ours.
_FUNCTIONS = """
SELECT name, create_query IN (
    SELECT formatQuerySingleLine(arrayJoin(JSONExtract({made:String}, 'Array(String)')))
) AS is_ours
FROM system.functions
WHERE origin = 'SQLUserDefined'
"""


class Missing(msgspec.Struct, frozen=True):
    """A table, view, function or column that is not there; without a `column` all of it is missing.

    `taken`: a function of somebody else's has the name.
    """

    kind: str
    name: str
    column: str = ""
    taken: bool = False

    def __str__(self) -> str:
        if self.taken:
            return f"{self.kind} {self.name} (another one has its name: drop or rename that one)"
        return f"column {self.name}.{self.column}" if self.column else f"{self.kind} {self.name}"


def find_missing(warehouse: Warehouse) -> tuple[Missing, ...]:
    """Return what is not there, in the order in which it is made. Raises the warehouse's errors."""
    stored = stored_columns(warehouse)
    made = made_by_migrations().values()
    own = [f"CREATE FUNCTION {one.name} {one.definition}" for one in made if one.kind == "function"]
    functions = {
        str(row["name"]): bool(row["is_ours"]) for row in warehouse.rows(_FUNCTIONS, {"made": json.dumps(own)})
    }
    return tuple(missing(made, stored, functions))


def stored_columns(warehouse: Warehouse) -> Mapping[str, tuple[str, ...]]:
    """Return the tables and views that are there, each with its columns. Raises the warehouse's errors."""
    rows = warehouse.rows(_COLUMNS, {"database": DATABASE})
    return {str(row["table"]): _texts(row["columns"]) for row in rows}


@cache
def made_by_migrations() -> Mapping[str, Blueprint]:
    """Return what there is once all migrations have run, by name."""
    return blueprints(statement for migration in read_migrations() for statement in migration.statements)


def check_complete(warehouse: Warehouse) -> None:
    """Raise IncompleteError that names what is missing and says what to do; or the warehouse's errors."""
    if absent := find_missing(warehouse):
        raise IncompleteError(f"ClickHouse at {warehouse.server.host_and_port} lacks {listed(absent)}")


def repair(warehouse: Warehouse) -> tuple[Missing, ...]:
    """Make what is missing, without the rows or values that it had; return what that was.

    Raises IncompleteError when something is missing all the same, and the warehouse's errors.
    """
    absent = find_missing(warehouse)
    if absent:
        for item in absent:
            if item.column and item.kind == "table":  # before views, which may read it
                execute(warehouse, _column_added(made_by_migrations()[item.name], item.column))
        for migration in read_migrations():
            for statement in migration.statements:
                execute(warehouse, statement)
        check_complete(warehouse)
    return absent


def missing(
    made: Collection[Blueprint], stored: Mapping[str, Collection[str]], functions: Mapping[str, bool]
) -> Iterator[Missing]:
    """Yield what is made and not there.

    `stored`: the name of each table and view, with its columns. `functions`: of each, whether it is the one made here.
    """
    for blueprint in made:
        columns = stored.get(blueprint.name)
        if blueprint.kind == "function":
            if not functions.get(blueprint.name):
                yield Missing(blueprint.kind, blueprint.name, taken=blueprint.name in functions)
        elif columns is None:
            yield Missing(blueprint.kind, blueprint.name)
        else:
            for column in blueprint.columns:
                if column not in columns:
                    yield Missing(blueprint.kind, blueprint.name, column)


def listed(absent: Collection[Missing]) -> str:
    """Return the first of what is missing in words, and how many there are besides."""
    named = [str(item) for item in absent]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more


def _column_added(table: Blueprint, column: str) -> str:
    names = list(table.columns)
    before = names.index(column) - 1
    position = f"AFTER `{names[before]}`" if before >= 0 else "FIRST"
    return f"ALTER TABLE {DATABASE}.`{table.name}` ADD COLUMN IF NOT EXISTS {table.columns[column]} {position}"


def _texts(names: object) -> tuple[str, ...]:
    return tuple(filter(None, map(str, names))) if isinstance(names, list) else ()
