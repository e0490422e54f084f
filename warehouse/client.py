"""Speaks to ClickHouse over HTTP: statements, rows as JSON, Arrow streams and inserts. Never retries itself.

What is queried is `queries`' matter, how it is let in `connection`'s, which errors are worth another attempt `errors`'.
pyarrow is imported by the first stream or insert: a process that only looks things up stays small.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import httpx
import msgspec

from runtime.closing import Closing
from runtime.errors import TerminalError, TransientError
from settings import ClickHouse
from warehouse.connection import http_client, not_let_in, not_reached
from warehouse.errors import AUTHENTICATION_CODES, sorted_answer

if TYPE_CHECKING:
    import pyarrow as pa

DATABASE = "onefold"
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
LOOK_UP_TIMEOUT_S = 10.0
_PIECE_BYTES = 1024 * 1024  # of an insert: httpcore copies the rest of a piece whenever the socket takes some of it

JsonObject = dict[str, object]

_MAX_QUERY_BYTES = "8000000"  # of a folder of definitions as one query: a hundred of them may have as much as 256 KiB
_AS_JSON = {
    "default_format": "JSON",
    "max_query_size": _MAX_QUERY_BYTES,
    "output_format_json_quote_64bit_integers": "0",
    "date_time_output_format": "iso",
}
_AS_STREAM = {
    "default_format": "ArrowStream",
    "output_format_arrow_compression_method": "none",
    "wait_end_of_query": "1",  # an error comes as an error, not behind half of the rows
    "max_query_size": _MAX_QUERY_BYTES,
    "max_block_size": "2000",  # rows of a batch: faster to read than the default of 65,409, and a thirtieth of its size
}
_OF_INSERTS = {
    "max_partitions_per_insert_block": "0",  # an import may reach back any number of months
    # Rows of one key in one block are left to merges and FINAL, as those of two blocks are: a quarter less CPU.
    "optimize_on_insert": "0",
    "type_json_skip_duplicated_paths": "1",
    "json_type_escape_dots_in_keys": "1",  # {"a.b": 1} is not {"a": {"b": 1}}, and both may be there
    # A JSON string stays the string that was sent, also where it looks like a time.
    "input_format_try_infer_dates": "0",
    "input_format_try_infer_datetimes": "0",
}
_CODE = "x-clickhouse-exception-code"
# What ClickHouse's format TSV escapes, as which it reads parameters.
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


class FormattedAnswer(msgspec.Struct, frozen=True):
    """The bytes of an answer, in a format of ClickHouse; an empty name if it has none."""

    format: str
    content: bytes


class Warehouse(Closing):
    """One ClickHouse, for any number of threads. Connects with the first call; an address alone will do for `server`.

    Every method raises UnreachableError without an answer, else TransientError or TerminalError by ClickHouse's code.
    SettingsError, a TerminalError, says at once that the password or the certificates cannot be read.
    """

    def __init__(self, server: ClickHouse | str, answer_timeout_s: float | None = ANSWER_TIMEOUT_S) -> None:
        self.server = ClickHouse(server) if isinstance(server, str) else server
        self._client = http_client(self.server, httpx.Timeout(answer_timeout_s, connect=CONNECT_TIMEOUT_S))

    def run(self, statement: str) -> None:
        """Execute a statement that returns nothing."""
        self._posted({}, statement.encode())

    def answer(self, statement: str, settings: Mapping[str, str]) -> FormattedAnswer:
        """Execute any statement: its answer as ClickHouse gives it, whole."""
        return self._posted({**settings, "wait_end_of_query": "1"}, statement.encode())

    def rows(
        self, query: str, parameters: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
    ) -> list[JsonObject]:
        """Query rows, with `parameters` as in `{name:String}`; times in ISO 8601, integers as numbers."""
        answer = self._posted(_AS_JSON | {**(settings or {}), **_bound(parameters)}, query.encode())
        try:
            return msgspec.json.decode(answer.content, type=_Rows).data
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TransientError(
                f"ClickHouse at {self.server.host_and_port} answers something else: {error}"
            ) from error

    def stream(
        self, query: str, parameters: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
    ) -> "Iterator[pa.RecordBatch]":
        """Yield the rows of a query as they arrive, a block of ClickHouse's at a time; holds no more than one."""
        import pyarrow as pa
        from pyarrow import ipc

        with (
            self._reaching(),
            self._client.stream(
                "POST", "/", params={**_AS_STREAM, **(settings or {}), **_bound(parameters)}, content=query.encode()
            ) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise self._refusal(answer)
            try:
                with ipc.open_stream(_Pieces(answer.iter_raw())) as batches:
                    yield from batches
            except (pa.ArrowException, OSError) as error:
                raise TransientError(
                    f"ClickHouse at {self.server.host_and_port} broke off its answer: {error}"
                ) from error

    def insert(self, table: str, columns: "pa.Table", token: str) -> None:
        """Insert all rows or none. ClickHouse drops a block whose token is among the table's last 1,000.

        After a TransientError the rows may or may not be in: inserting them again under the same token is safe.
        """
        import pyarrow as pa
        from pyarrow import ipc

        names = ", ".join(f"`{name}`" for name in columns.column_names)
        statement = f"INSERT INTO {DATABASE}.`{table}` ({names}) FORMAT ArrowStream"
        body = pa.BufferOutputStream()
        with ipc.new_stream(body, columns.schema) as writer:
            writer.write_table(columns)
        parameters = _OF_INSERTS | {"insert_deduplication_token": token, "query": statement}
        rows = memoryview(body.getvalue())
        pieces = (bytes(rows[start : start + _PIECE_BYTES]) for start in range(0, len(rows), _PIECE_BYTES))
        self._posted(parameters, pieces, {"content-length": str(len(rows))})

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _posted(
        self, parameters: Mapping[str, str], body: bytes | Iterable[bytes], headers: Mapping[str, str] | None = None
    ) -> FormattedAnswer:
        with self._reaching():
            answer = self._client.post("/", params=parameters, content=body, headers=headers)
        if answer.status_code != httpx.codes.OK or _CODE in answer.headers:
            raise self._refusal(answer)
        return FormattedAnswer(answer.headers.get("x-clickhouse-format", ""), answer.content)

    def _refusal(self, answer: httpx.Response) -> TransientError | TerminalError:
        shown = answer.headers.get(_CODE, "")
        code = int(shown) if shown.isdigit() else None
        if code in AUTHENTICATION_CODES or (code is None and answer.status_code == httpx.codes.UNAUTHORIZED):
            return not_let_in(self.server)
        return sorted_answer(self.server.host_and_port, code, answer.text)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.InvalidURL as error:
            raise TerminalError(f"the parameters of a query are too long: {error}") from error
        except httpx.HTTPError as error:
            raise not_reached(self.server, error) from error


@cache
def look_ups(server: ClickHouse | str) -> Warehouse:
    """Return the one client with which a process looks things up for people, who do not wait long."""
    return Warehouse(server, LOOK_UP_TIMEOUT_S)


class _Rows(msgspec.Struct):
    data: list[JsonObject]


class _Pieces:
    """The pieces of an answer as the file that Arrow reads from."""

    closed = False

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """As many bytes, fewer only at the end."""
        taken = bytearray()
        while len(taken) < size:
            if not self._rest:
                self._rest = memoryview(next(self._pieces, b""))
                if not self._rest:
                    break
            wanted = size - len(taken)
            taken += self._rest[:wanted]
            self._rest = self._rest[wanted:]
        return bytes(taken)

    def close(self) -> None:
        self.closed = True


def _bound(parameters: Mapping[str, str] | None) -> dict[str, str]:
    return {f"param_{name}": value.translate(_ESCAPED) for name, value in (parameters or {}).items()}
