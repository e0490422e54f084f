"""What somebody may have meant by a table or a column that is not there: which there are, and which resembles it most.

For statements that people write. What Onefold itself asks for and does not find was dropped: `completeness` says so.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from runtime.errors import OnefoldError
from runtime.hints import closest
from warehouse.advice import advice
from warehouse.client import DATABASE, Warehouse
from warehouse.completeness import made_by_migrations, stored_columns
from warehouse.errors import IncompleteError

Names = Mapping[str, Sequence[str]]
"""Tables and views, each with its columns."""

_TABLE = re.compile(
    r"Unknown table expression identifier [`'](?P<quoted>[^`']+)[`']|Table (?P<plain>\S+) do(es not|esn't) exist"
)
_COLUMN = re.compile(
    r"Unknown (expression |expression or function )?identifier [`'](?P<unknown>[^`']+)[`']"
    r"|Identifier [`'](?P<unresolved>[^`']+)[`'] cannot be resolved"
    r"|No such column (?P<inserted>\S+) in table"
)
_INSERTED = re.compile(r"No such column (?P<column>\S+) in table (?P<into>\S+)")
_ANY = re.compile(f"{_TABLE.pattern}|{_COLUMN.pattern}")


def explained(warehouse: Warehouse, error: OnefoldError, statement: str) -> str:
    """Return an error about a statement that somebody wrote, with what to write instead where that is known."""
    message = str(error)
    if isinstance(error, IncompleteError):
        if _is_of_onefold(message):
            return message
        message = error.lacking
    hint = advice(message)
    if not hint and _ANY.search(message):
        hint = names_hint(message, statement, _stored(warehouse))
    return message if not hint or hint in message else f"{message}. {hint}"


def names_hint(message: str, statement: str, names: Names) -> str:
    """Return which tables there are, or which columns the tables of a statement have, with the name most like it.

    Empty if `message` tells of nothing unknown, or nothing is there.
    """
    table, column = _unknown(_TABLE, message), _unknown(_COLUMN, message)
    if table is not None and names:
        return f"{_meant(_own_name(table), names)}There are the tables {', '.join(sorted(names))}."
    if column is None:
        return ""
    read = [name for name in names if names[name] and re.search(rf"\b{re.escape(name)}\b", statement)]
    known = [each for name in read for each in names[name]]
    lists = " ".join(f"The columns of {name} are {', '.join(names[name])}." for name in read)
    return f"{_meant(column.rpartition('.')[2], known)}{lists}" if lists else ""


def _is_of_onefold(message: str) -> bool:
    """Return whether what is unknown is a table or a column that the migrations make."""
    made = made_by_migrations()
    inserted = _INSERTED.search(message)
    if inserted is not None:
        table = made.get(_own_name(inserted["into"]))
        return table is not None and inserted["column"] in table.columns
    unknown = _unknown(_TABLE, message)
    return unknown is None or _own_name(unknown) in made


def _unknown(pattern: re.Pattern[str], message: str) -> str | None:
    match = pattern.search(message)
    return None if match is None else next(filter(None, match.groupdict().values()))


def _own_name(table: str) -> str:
    return table.replace("`", "").removeprefix(f"{DATABASE}.")


def _meant(word: str, known: Iterable[str]) -> str:
    meant = closest(word, known)
    return "" if meant is None else f"Did you mean {meant}? "


def _stored(warehouse: Warehouse) -> Names:
    """Ask which there are; none if the server does not say so."""
    try:
        return stored_columns(warehouse)
    except OnefoldError:
        return {}
