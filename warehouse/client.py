"""ClickHouse over HTTP: statements and Arrow inserts, each failure transient or terminal. Never retries itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from runtime.errors import TerminalError, TransientError
from warehouse.tables import DATABASE

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 60

# https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp: the server's state, not our statement.
_TRANSIENT_CODES = {
    3: "UNEXPECTED_END_OF_FILE",
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    164: "READONLY",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    439: "CANNOT_SCHEDULE_TASK",
    473: "DEADLOCK_AVOIDED",
    745: "SERVER_OVERLOADED",
    999: "KEEPER_EXCEPTION",
}
_INSERT_SETTINGS = {
    # Rows of one key in one block are left to merges and FINAL, as those of two blocks are: a quarter less CPU.
    "optimize_on_insert": 0,
    "type_json_skip_duplicated_paths": 1,
    # A JSON string stays the string that was sent, also where it looks like a time.
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
}

Answer = TypeVar("Answer")


class Warehouse:
    """One ClickHouse. Connects with the first call; for one thread at a time."""

    def __init__(self, url: str, answer_timeout_s: int = ANSWER_TIMEOUT_S) -> None:
        self.url = url
        self._answer_timeout_s = answer_timeout_s
        self._client: Client | None = None

    def run(self, statement: str) -> None:
        """Execute a statement that returns nothing. Raises TransientError or TerminalError, as does `rows`."""
        self._ask(lambda client: client.command(statement))

    def rows(self, query: str, parameters: Mapping[str, object] | None = None) -> Sequence[Sequence[object]]:
        """The rows of a query; `parameters` are ClickHouse's own, as in `{name:String}`."""
        return self._ask(lambda client: client.query(query, parameters=dict(parameters or {})).result_rows)

    def insert(self, table: str, columns: pa.Table, token: str) -> None:
        """Insert all rows or none. ClickHouse drops a block whose token is among the table's last 1,000.

        Raises TransientError when the rows may or may not be in: inserting them again under the same token is safe.
        """
        settings = _INSERT_SETTINGS | {"insert_deduplication_token": token}
        self._ask(lambda client: client.insert_arrow(table, columns, database=DATABASE, settings=settings))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _ask(self, question: Callable[[Client], Answer]) -> Answer:
        try:
            if self._client is None:
                self._client = clickhouse_connect.get_client(
                    dsn=self.url,
                    autogenerate_session_id=False,
                    compress=False,
                    connect_timeout=CONNECT_TIMEOUT_S,
                    send_receive_timeout=self._answer_timeout_s,
                    query_retries=0,
                )
            return question(self._client)
        except (ClickHouseError, OSError) as error:
            raise _classified(error) from error


def _classified(error: Exception) -> TransientError | TerminalError:
    code = error.code if isinstance(error, Error) else None
    summary = " ".join(str(error).split())[:500]
    if code is None or code in _TRANSIENT_CODES:
        return TransientError(f"ClickHouse does not take it now: {summary}")
    return TerminalError(f"ClickHouse refuses with code {code}: {summary}")
