"""The engine on its folder, and sessions on it: one per request, so that no setting, database or temporary table stays.

A new connection costs 0.1 ms; what HTTP makes of results is left to the gateway.
"""

import fcntl
import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from embedded.clickhouse.access import OUTER_DATABASE, write_configuration
from embedded.clickhouse.binding import Connection, Result, connect, output
from embedded.clickhouse.errors import ServerError, from_engine
from embedded.clickhouse.profile import (
    DEFAULT_MAX_QUERY_SIZE,
    PROFILE,
    ROW_FILTERS,
    SERVER_DEFAULTS,
    VALUE_EXPRESSIONS,
    memory_limit,
)
from embedded.clickhouse.refusals import refusals

STREAMED = frozenset({"TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "JSONEachRow", "Native", "RowBinary"})
"""Formats whose documents may be joined: chDB makes each piece of a stream a document of its own."""


_ACCESS_FOLDER = "access"
_CONFIGURATION = "../config.xml"  # from the empty folder; the whole path might contain a `&`


class FolderInUse(OSError):
    """Another process has the data folder."""


class QueryProgress(msgspec.Struct):
    """What a statement read and wrote so far."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0

    def add(self, result: Result) -> None:
        """Count a result, or the next piece of one."""
        self.read_rows = max(self.read_rows, result.storage_rows_read())
        self.read_bytes = max(self.read_bytes, result.storage_bytes_read())
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.result_rows += result.rows_read()
        self.result_bytes += result.size()


class EngineSession:
    """A connection with the settings of one request; methods run one at a time and raise ServerError."""

    def __init__(self, connection: Connection, query_id: str) -> None:
        self.query_id = query_id
        self.progress = QueryProgress()
        self._connection = connection

    def configure(
        self, settings: Mapping[str, bytes], parameters: Mapping[str, bytes], database: str, readonly: bool
    ) -> None:
        """Apply a request's settings, which the engine checks, and its query parameters."""
        # The comment is how a running query is found again: chDB gives it an id of its own.
        assignments = {"log_comment": self.query_id.encode(), "max_query_size": b"%d" % DEFAULT_MAX_QUERY_SIZE}
        assignments |= settings
        assignments |= {f"param_{name}": value for name, value in parameters.items()}
        if readonly:
            # Stricter than ClickHouse's HTTP GET: no settings but those of the URL, no function that reads elsewhere.
            assignments["readonly"] = b"1"
        try:
            if database:
                self._connection.query(b"USE " + _quote(database.encode(), b"`"), "Null")
            # `readonly` forbids settings from then on, so it comes last.
            names = sorted(assignments, key=lambda name: name == "readonly")
            pairs = (name.encode() + b" = " + _quote(assignments[name], b"'") for name in names)
            self._connection.query(b"SET " + b", ".join(pairs), "Null")
        except RuntimeError as failure:
            raise from_engine(str(failure)) from failure

    def run(self, sql: bytes, output_format: str) -> bytes:
        """Return a statement's whole output."""
        try:
            result = self._connection.query(sql, output_format)
        except RuntimeError as failure:
            raise from_engine(str(failure)) from failure
        self.progress.add(result)
        return output(result)

    def stream(self, select: bytes, output_format: str) -> Iterator[bytes]:
        """Yield a SELECT's output in pieces, for the formats in `STREAMED`; the engine waits for the reader."""
        try:
            stream = self._connection.send_query(select, output_format)
            while True:
                piece = self._connection.streaming_fetch_result(stream)
                self.progress.add(piece)
                if piece.size():
                    yield output(piece)
                if piece.rows_read() == 0:
                    return
        except RuntimeError as failure:
            raise from_engine(str(failure)) from failure

    def insert(self, sql: bytes, input_format: str, data: Iterable[bytes]) -> None:
        """Run an INSERT, without FORMAT and data, with its data. On failure no unfinished block is written."""
        try:
            insert = self._connection.send_insert(sql, input_format)
            try:
                for piece in data:
                    self._connection.insert_append(insert, piece)
            except ServerError:
                self._connection.insert_cancel(insert)
                raise
            self.progress.add(self._connection.insert_done(insert))
        except RuntimeError as failure:
            raise from_engine(str(failure)) from failure

    def close(self) -> None:
        """End the session, and what it still runs."""
        self._connection.close()


class Engine:
    """The engine of this process; open it once, on one folder, which is created when missing.

    The process works in an empty folder from then on: chDB looks for files in the current one.
    """

    def __init__(self, folder: Path, opened: Collection[str] = ()) -> None:
        """Open the sources of these names, and raise FolderInUse when another process has the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder = str(folder.resolve())
        if "?" in self._folder:
            raise ValueError(f"the data folder's name must not contain a question mark: {self._folder}")
        self._lock = (folder / "gateway.lock").open("w")
        self._settings = {**PROFILE, **SERVER_DEFAULTS, **_limits()}
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as failure:
            raise FolderInUse(f"another process uses the data folder {self._folder}") from failure
        access = Path(self._folder) / _ACCESS_FOLDER
        write_configuration(access, opened)
        _make_default_database(Path(self._folder) / "metadata")
        os.chdir(access / "empty")
        try:
            # The engine lives as long as one connection does; this one also kills queries.
            self._keeper = EngineSession(self._connect({}), "")
        except RuntimeError as failure:
            raise FolderInUse(f"another process uses the data folder {self._folder}: {failure}") from failure
        self._keeper.run(b"DROP DATABASE IF EXISTS " + OUTER_DATABASE.encode(), "Null")
        facts = self._keeper.run(b"SELECT version(), timezone()", "TabSeparated").decode().split()
        self.version, self.timezone = facts
        formats = self._keeper.run(b"SELECT name, content_type FROM system.formats WHERE is_output", "TabSeparated")
        self.content_types = dict(line.split("\t") for line in formats.decode().splitlines())
        functions = self._keeper.run(b"SELECT name FROM system.table_functions", "TabSeparated")
        both = b"SELECT name FROM system.table_engines UNION ALL SELECT name FROM system.database_engines"
        engines = self._keeper.run(both, "TabSeparated")
        self.refused = refusals(functions.decode().split(), engines.decode().split(), opened)

    def session(self, query_id: str, *, expressions: bool = False, row_filters: str = "") -> EngineSession:
        """Return a new session, under the profile only.

        `expressions` in VALUES must have been read before, and so must `row_filters` (`calls.row_filters`).
        """
        opened = dict(VALUE_EXPRESSIONS) if expressions else {}
        if row_filters:
            opened[ROW_FILTERS] = row_filters
        try:
            return EngineSession(self._connect(opened), query_id)
        except RuntimeError as failure:
            raise from_engine(str(failure)) from failure

    def kill(self, query_id: str) -> None:
        """Ask the query of this id to stop; it then fails with QUERY_WAS_CANCELLED."""
        with_id = _quote(query_id.encode(), b"'")
        self._separately(b"KILL QUERY WHERE Settings['log_comment'] = " + with_id + b" ASYNC")

    def running(self) -> dict[bytes, bytes]:
        """Return the engine's own id of every running query, by the id its request had; both quoted for SQL."""
        rows = self._separately(
            b"SELECT Settings['log_comment'], query_id FROM system.processes WHERE Settings['log_comment'] != ''"
        )
        pairs = (line.split(b"\t") for line in rows.splitlines())
        return {b"'" + given + b"'": b"'" + own + b"'" for given, own in pairs}

    def close(self) -> None:
        """Stop the engine and free the folder; every session must have been closed."""
        self._keeper.close()
        self._lock.close()

    def _connect(self, settings: Mapping[str, str]) -> Connection:
        return connect(self._folder, {**self._settings, **settings}, _CONFIGURATION)

    def _separately(self, sql: bytes) -> bytes:
        session = self.session("")
        try:
            return session.run(sql, "TabSeparated")
        finally:
            session.close()


def _make_default_database(metadata: Path) -> None:
    """Describe `default` as a database of tables alone: chDB would make one that reads files by tables' names.

    Its link to the tables is made anew by the engine, which would otherwise take it for that of its own database.
    """
    metadata.mkdir(exist_ok=True)
    link, statement = metadata / "default", metadata / "default.sql"
    if not statement.exists():
        number = link.resolve().name if link.is_symlink() else str(uuid.uuid4())
        statement.write_text(f"ATTACH DATABASE _ UUID '{number}'\nENGINE = Atomic\n", encoding="utf-8")
    if link.is_symlink():
        link.unlink()


def _limits() -> dict[str, str]:
    return {
        "max_memory_usage": str(memory_limit()),
        "max_query_size": str(1 << 30),  # for the SET that brings a request's parameters; `configure` lowers it
    }


def _quote(value: bytes, mark: bytes) -> bytes:
    return mark + value.replace(b"\\", b"\\\\").replace(mark, b"\\" + mark) + mark
