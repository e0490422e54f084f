"""Options of tables of a database: a row per delivery, or per profile and segment."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from definitions.receivers.columns import VERSION, ColumnType
from definitions.receivers.hosts import why_no_host
from definitions.receivers.values import Holds, OptionProblem, Secret

PRESET = {
    "profile_id": "@profile.id",
    "name": "@name",
    "change": "@change",
    "happened_at": "@happened_at",
    "version": "@version",
}

KEYS = {
    "url": "The database, without a password: `postgresql://USER@HOST:PORT/DATABASE` or `sqlite:///PATH`.",
    "password": "The password of the user that `url` names.",
    "tls": "Of PostgreSQL: whether connections are encrypted, and whether the server must prove who it is.",
    "table": "The table that takes the rows.",
    "schema": "The schema that the table is in; without it, the database's default.",
    "mode": "`insert` adds a row per delivery, `upsert` keeps the last of each key, `mirror` deletes it on exit.",
    "key": "Of `upsert` and `mirror`: the columns that name a row; the table needs a unique index over exactly these.",
    "version": "Of `upsert` and `mirror`: the column of the profile's version; a row never gives way to an older one.",
    "create": "Whether the table is created where there is none.",
    "columns": "Types of columns of a table that is created; a column that is not here is text.",
    "batch": "How many rows one transaction writes, at most.",
}

SCHEMES = ("postgresql", "sqlite")


class Sql(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sql", tag_field="type"):
    """A table. Its columns are the mapping's fields; of `insert`, `delivery_key` as well, which must be unique."""

    url: str
    table: str
    password: Secret = Secret()
    tls: Literal["disable", "prefer", "require", "verify-full"] = "prefer"
    schema: str = ""
    mode: Literal["insert", "upsert", "mirror"] = "upsert"
    key: tuple[str, ...] = ("profile_id", "name")
    version: str = VERSION
    create: bool = False
    columns: dict[str, ColumnType] = {}
    batch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000


def holds(options: Sql) -> Holds:
    """Return what it holds: rows of their own, or the last one of each key."""
    return "events" if options.mode == "insert" else "states"


def found_by(options: Sql) -> tuple[str, ...]:
    """Return the columns that name a row, all of them together."""
    return options.key


def problems(options: Sql) -> Iterator[OptionProblem]:
    """Yield what is wrong with options that no single value shows. Echoes no address: it may hold a password."""
    scheme, has_scheme, rest = options.url.partition("://")
    user, has_user, _ = rest.partition("@")
    if not has_scheme or scheme not in SCHEMES:
        yield OptionProblem("url", "is neither `postgresql://...` nor `sqlite:///PATH`")
    elif scheme == "postgresql" and has_user and ":" in user:
        yield OptionProblem("url", "holds a password", "write it as `password: {env: NAME}`")
    elif "?" in rest:
        yield OptionProblem("url", "has parameters, which are not used", "end it with the database")
    elif scheme == "sqlite" and not rest.strip("/"):
        yield OptionProblem("url", "names no file", "write `sqlite:////var/lib/shop.db`")
    elif scheme == "postgresql" and (reason := _why_no_database(options.url)) is not None:
        yield OptionProblem("url", f"leads to no database: {reason}", "write `postgresql://USER@HOST:PORT/DATABASE`")
    if options.mode != "insert" and not options.key:
        yield OptionProblem("key", f"must name a column: `{options.mode}` finds a row by it")


def _why_no_database(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is no address"
    if port == 0:
        return "its port is 0"
    return why_no_host(parts.hostname) if parts.hostname else None  # without one: the socket of this host
