"""What a database's errors mean, sorted once: another attempt, other credentials, or never.

Says what is wrong by the error's code and the names of constraint and column: the database's own texts quote values,
which are somebody's data.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError, StatementError

from sinks.destinations.contract import Refused, Retry, Unauthorised

# https://www.postgresql.org/docs/current/errcodes-appendix.html: the first two characters are an error's class.
_CLASSES_OF_ROWS = frozenset({"22", "23", "44", "P0"})  # data, constraints, WITH CHECK OPTION, RAISE in a trigger
_CODES_OF_ROWS = frozenset({"42804", "42846"})  # types that do not match
_CLASSES_OF_CREDENTIALS = frozenset({"28"})
_CODES_OF_CREDENTIALS = frozenset({"42501"})  # may not write the table
_CLASSES_OF_CONFLICTS = frozenset({"40", "55"})  # deadlock, serialisation, locks: the next attempt goes through


def outcome_of(error: Exception) -> Retry | Unauthorised | Refused:
    """Return what became of deliveries whose statement or connection failed by this error."""
    cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
    code = getattr(cause, "sqlstate", None)
    if isinstance(code, str):
        return _of_postgresql(code, getattr(cause, "orig", None) or cause)
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if isinstance(cause, TimeoutError):
        return Retry("timeout", "the database does not answer in time")
    if isinstance(cause, OSError):
        return Retry("network", f"the database cannot be reached: {cause.strerror or type(cause).__name__}")
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return Refused("rejected", "a value does not fit its column")
    return Retry("unavailable", f"the database reports {type(cause).__name__}")


def _of_postgresql(code: str, cause: BaseException) -> Retry | Unauthorised | Refused:
    detail = f"PostgreSQL reports {code}, {_words(type(cause).__name__)}{_names(cause)}"
    kind = code[:2]
    if kind in _CLASSES_OF_CREDENTIALS or code in _CODES_OF_CREDENTIALS:
        return Unauthorised(detail)
    if kind in _CLASSES_OF_ROWS or code in _CODES_OF_ROWS:
        return Refused("rejected", detail)
    if kind == "54":
        return Refused("too_large", detail)
    if kind == "08":
        return Retry("network", detail)
    return Retry("unavailable", detail, is_receivers=kind not in _CLASSES_OF_CONFLICTS)


def _words(name: str) -> str:
    """Return the name of an error's class in words: UniqueViolationError is "unique violation"."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name.removesuffix("Error"))
    return spaced.strip()


def _names(cause: BaseException) -> str:
    names = ((what, getattr(cause, f"{what}_name", None)) for what in ("constraint", "column"))
    return "".join(f", {what} {name}" for what, name in names if name)


def _of_sqlite(cause: sqlite3.Error) -> Retry | Refused:
    # SQLite's texts name constraints, tables and columns, and quote no value.
    detail = f"SQLite: {cause}"
    if isinstance(cause, sqlite3.IntegrityError):
        return Refused("rejected", detail)
    if isinstance(cause, sqlite3.DataError):
        return Refused("too_large", detail)
    return Retry("unavailable", detail)
