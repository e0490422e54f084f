"""chDB's binding with types; one engine lives in a process, on one folder, and each connection is a session of its own.

The binding and not chDB's public wrapper, which drops the last bytes of a streamed result (totals, headers of empty
results). `pyproject.toml` pins the version.
"""

import os
from tempfile import TemporaryDirectory
from typing import Protocol, cast

_folder = os.getcwd()
with TemporaryDirectory() as _empty:
    # Importing chDB starts an engine, which takes a `config.xml` of the current folder for its own.
    os.chdir(_empty)
    try:
        from chdb import _chdb
    finally:
        os.chdir(_folder)


class Bytes(Protocol):
    """The result's memory, owned by the engine."""

    def view(self) -> memoryview:
        """Return the bytes without a copy; valid while the result lives."""


class Result(Protocol):
    """A finished result, or one piece of a streamed one."""

    def size(self) -> int:
        """Return the length of the output in bytes."""

    def get_memview(self) -> Bytes:
        """Return the output; only when `size()` is not 0."""

    def rows_read(self) -> int:
        """Return the rows of output; 0 in the last piece of a stream."""

    def storage_rows_read(self) -> int:
        """Return the rows read from tables so far."""

    def storage_bytes_read(self) -> int:
        """Return bytes read from tables so far."""

    def rows_written(self) -> int:
        """Return the rows written, those of materialized views included."""

    def bytes_written(self) -> int:
        """Return bytes written."""


class Stream(Protocol):
    """A handle of `send_query`."""


class InsertStream(Protocol):
    """A handle of `send_insert`."""


class Connection(Protocol):
    """A session of the engine: one statement at a time, from any thread. Every method raises RuntimeError."""

    def query(self, query: bytes, format: str) -> Result:
        """Run a statement to its end."""

    def send_query(self, query: bytes, format: str) -> Stream:
        """Start a SELECT whose output is fetched piece by piece; each piece is a document of its own in `format`."""

    def streaming_fetch_result(self, stream: Stream) -> Result:
        """Return the next piece; the one without rows is the last."""

    def send_insert(self, query: bytes, format: str) -> InsertStream:
        """Start an INSERT, given without FORMAT and data."""

    def insert_append(self, insert: InsertStream, data: bytes) -> None:
        """Feed the next bytes."""

    def insert_done(self, insert: InsertStream) -> Result:
        """Parse what is left and write; the result counts the rows."""

    def insert_cancel(self, insert: InsertStream) -> None:
        """Give up without writing what is pending."""

    def close(self) -> None:
        """End the session with what it runs; the last one to close stops the engine."""


def output(result: Result) -> bytes:
    """Return a copy of the result's bytes."""
    return bytes(result.get_memview().view()) if result.size() else b""


def connect(path: str, settings: dict[str, str], configuration: str) -> Connection:
    """Return a new session on the folder; raises RuntimeError when another process has it.

    `configuration` is a file's name, and `settings` are values, without `&`: chDB cuts there, and decodes nothing.
    Constraints of users hold for what comes later, not for `settings`.
    """
    # mypy sees the folder chdb/_chdb instead of the extension of the same name.
    _chdb.set_signal_handlers_enabled(0)  # type: ignore[attr-defined]  # chDB's handlers would hide SIGTERM from us
    pairs = "&".join(f"{name}={value}" for name, value in settings.items())
    connection = _chdb.connect(f"{path}?config-file={configuration}&{pairs}")  # type: ignore[attr-defined]
    return cast(Connection, connection)
