"""Finds the table of a destination, creates it where that is asked for, and makes the statements upon it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Delete,
    Double,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    and_,
    bindparam,
    delete,
    or_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as insert_into_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_into_sqlite
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import NullType, TypeEngine

from definitions.receivers.columns import DELIVERY_KEY, VERSION, ColumnType, column_type
from definitions.receivers.sql import Sql
from sinks.destinations.cells import Unfit, boolean, instant, integer, number, text
from sinks.destinations.sql.rows import SqlStatement, TableRow

_TYPES: Mapping[ColumnType, TypeEngine[Any]] = {
    "text": Text(),
    "integer": BigInteger(),
    "number": Double(),
    "boolean": Boolean(),
    "time": DateTime(timezone=True),
    "json": JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"),
}


class _Untyped(NullType):
    """The type of SQLite's columns that have none, and keep what they are given: numbers as numbers."""

    cache_ok = True


_ORDERED = (Integer, Float, Numeric, DateTime, _Untyped)


class TableProblem(Exception):
    """The table is not as it must be; the text says what to do, in words for the one who owns the database."""


def open_table(connection: Connection, options: Sql, fields: Iterable[str]) -> Table:
    """Return the table as the database has it, created first if it is to be. Raises TableProblem."""
    metadata = MetaData()
    schema = options.schema or None
    try:
        table = Table(options.table, metadata, schema=schema, autoload_with=connection)
    except NoSuchTableError:
        if not options.create:
            raise TableProblem(f"there is no table {options.table}: create it, or say `create: true`") from None
        table = Table(options.table, metadata, *_columns(options, fields), schema=schema)
        table.create(connection)
    for column in table.columns:
        if isinstance(column.type, JSON):
            column.type.none_as_null = True
    version = table.columns.get(options.version)
    if version is not None and isinstance(version.type, NullType) and connection.dialect.name == "sqlite":
        version.type = _Untyped()
    _check_key(table, options)
    return table


def key_of(options: Sql) -> tuple[str, ...]:
    """Return the columns that name a row."""
    return (DELIVERY_KEY,) if options.mode == "insert" else options.key


def _columns(options: Sql, fields: Iterable[str]) -> Iterable[Column[object]]:
    key = key_of(options)
    version = () if options.mode == "insert" else (options.version,)
    declared = {VERSION: "integer", **options.columns} if options.version == VERSION else options.columns
    for name in dict.fromkeys((*key, *fields, *options.columns, *version)):
        kind = "integer" if name == options.version and name not in declared else column_type(name, options.columns)
        yield Column(name, _TYPES[kind], primary_key=name in key, autoincrement=False)


def _check_key(table: Table, options: Sql) -> None:
    key = set(key_of(options))
    missing = sorted((key if options.mode == "insert" else key | {options.version}) - set(table.columns.keys()))
    if missing:
        raise TableProblem(f"the table {table.name} has no column {' and no column '.join(missing)}")
    unique = [{column.name for column in table.primary_key.columns}]
    unique += [
        {column.name for column in constraint.columns}
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    unique += [
        set(index.columns.keys()) for index in table.indexes if index.unique and not _is_partial(index.dialect_kwargs)
    ]
    if key not in unique:
        raise TableProblem(f"the table {table.name} needs a unique index over exactly {', '.join(sorted(key))}")


def _is_partial(options: Mapping[str, object]) -> bool:
    return any(name.endswith("_where") and value is not None for name, value in options.items())


def fitted(row: TableRow, table: Table) -> TableRow:
    """Return a row whose values fit the table's columns. Raises Unfit."""
    values = {}
    for name, value in row.values.items():
        column = table.columns.get(name)
        if column is None:
            raise Unfit(f"{name}: the table {table.name} has no such column")
        try:
            values[name] = None if value is None else _fit(column.type)(value)
        except Unfit as problem:
            raise Unfit(f"{name} {problem}") from None
    return row._replace(values=values)


def check_order(row: TableRow, table: Table, options: Sql, version: int) -> None:
    """Raise if what orders a row is a number and would be compared as a text, by which 9 is more than 10.

    TableProblem if it is the profile's `version`, as every row has one; Unfit if it is another one: it may be a trait,
    and what one person has holds up no other.
    """
    column, value = table.columns.get(options.version), row.values.get(options.version)
    is_number = isinstance(value, float) or _is_whole(value)
    if not is_number or column is None or isinstance(column.type, _ORDERED):
        return
    problem = f"must hold whole numbers, and is {column.type}: as texts they have another order"
    if str(value).strip() == str(version):
        raise TableProblem(f"the column {options.version} of the table {table.name} {problem}")
    raise Unfit(f"{options.version}: the column {problem}")


def _is_whole(value: object) -> bool:
    """Return whether a value is a whole number, also as a text."""
    return isinstance(value, int) or (isinstance(value, str) and value.strip().removeprefix("-").isdecimal())


def _fit(wanted: TypeEngine[object]) -> Callable[[object], object]:  # noqa: PLR0911 - one line for each type
    match wanted:
        case JSON() | ARRAY():
            return _as_it_is
        case Boolean():
            return boolean
        case Integer():
            return integer
        case Float():
            return number
        case Numeric():
            return _decimal
        case DateTime():
            return instant if wanted.timezone else lambda value: instant(value).replace(tzinfo=None)
        case Date():
            return _date
        case Time():
            return _time
        case Uuid():
            return _uuid
        case LargeBinary():
            return lambda value: text(value).encode()
        case _Untyped():
            return _number_or_text
        case _:
            return text


def _as_it_is(value: object) -> object:
    text(value)
    return value


def _number_or_text(value: object) -> object:
    if isinstance(value, float):
        return value
    return integer(value) if _is_whole(value) else text(value)


def _decimal(value: object) -> Decimal:
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return Decimal(str(value))
    except InvalidOperation:
        pass
    raise Unfit("is no number")


def _date(value: object) -> date:
    return instant(value).astimezone(UTC).date()


def _time(value: object) -> time:
    try:
        return time.fromisoformat(str(value))
    except ValueError:
        raise Unfit("is no time of day") from None


def _uuid(value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise Unfit("is no UUID") from None


def statement_of(step: SqlStatement, table: Table, options: Sql, dialect: str, is_of_profile: bool) -> Insert | Delete:
    """Return the statement of a step, which takes the values of each of its rows as parameters.

    `is_of_profile`: whether the key names a profile. Else a row may have been of another one, whose versions say
    nothing about those of this one: whatever comes last counts.
    """
    if step.action == "delete":
        # A column's own name is taken by SQLAlchemy for what is set; `deleted` says what a row's parameters are called.
        conditions = [
            table.columns[name] == bindparam(f"of_{name}", type_=table.columns[name].type) for name in options.key
        ]
        version = table.columns[options.version]
        newest = bindparam(f"of_{options.version}", type_=version.type)
        is_newer = or_(version.is_(None), version <= newest)
        return delete(table).where(and_(*conditions, *([is_newer] if is_of_profile else ())))
    insert = insert_into_postgresql(table) if dialect == "postgresql" else insert_into_sqlite(table)
    if step.action == "insert":
        return insert.on_conflict_do_nothing(index_elements=[DELIVERY_KEY])
    version = table.columns[options.version]
    return insert.on_conflict_do_update(
        index_elements=list(options.key),
        set_={name: insert.excluded[name] for name in step.columns if name not in options.key},
        where=or_(version.is_(None), version <= insert.excluded[options.version]) if is_of_profile else None,
    )


def parameters_of(row: TableRow) -> dict[str, object]:
    """Return the parameters of a row, as the statement of its step takes them."""
    if row.action == "delete":
        return {f"of_{name}": value for name, value in row.values.items()}
    return dict(row.values)
