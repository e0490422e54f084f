"""What ClickHouse's error codes mean to a client of ours, said once: later, smaller, or not at all.

https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
"""

from runtime.errors import TerminalError, TransientError

# The server's state, not our statement.
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
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    319: "UNKNOWN_STATUS_OF_INSERT",
    388: "CANNOT_ASSIGN_OPTIMIZE",
    394: "QUERY_WAS_CANCELLED",
    439: "CANNOT_SCHEDULE_TASK",
    473: "DEADLOCK_AVOIDED",
    745: "SERVER_OVERLOADED",
    999: "KEEPER_EXCEPTION",
}
_TOO_LARGE_CODES = {
    241: "MEMORY_LIMIT_EXCEEDED",
    396: "TOO_MANY_ROWS_OR_BYTES",
}
AUTHENTICATION_CODES = {
    192: "UNKNOWN_USER",
    193: "WRONG_PASSWORD",
    194: "REQUIRED_PASSWORD",
    516: "AUTHENTICATION_FAILED",
}
"""Nobody is let in under this name and password."""

_INCOMPLETE_CODES = {
    16: "NO_SUCH_COLUMN_IN_TABLE",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
}
REMEDY = "'onefold migrate' makes tables and columns of Onefold's that are missing"
_SHOWN_CHARACTERS = 1_000


class QueryTooLargeError(TransientError):
    """Needs more memory, or answers with more, than the server has to spare now: ask for less, or later."""


class IncompleteError(TransientError):
    """Needs a table or a column that is not there: works once somebody has made it again.

    `lacking`: the text without the remedy, which is none for names that a person has made up.
    """

    def __init__(self, lacking: str) -> None:
        super().__init__(f"{lacking} ({REMEDY})")
        self.lacking = lacking


def sorted_answer(server: str, code: int | None, text: str) -> TransientError | TerminalError:
    """Return the error to raise for ClickHouse's own `text`; without a code a proxy in front of it has answered."""
    summary = _reason(text)[:_SHOWN_CHARACTERS]
    if code in _TOO_LARGE_CODES:
        return QueryTooLargeError(f"ClickHouse at {server} has no room for it: {summary}")
    if code in _INCOMPLETE_CODES:
        return IncompleteError(f"ClickHouse at {server} lacks it: {summary}")
    if code is None or code in _TRANSIENT_CODES:
        return TransientError(f"ClickHouse at {server} does not take it now: {summary}")
    return TerminalError(f"ClickHouse at {server} refuses with code {code}: {summary}")


def _reason(text: str) -> str:
    """In one line, without the code before and the list of everything that could have been written instead."""
    line = " ".join(text.split()).partition(" Expected one of: ")[0]
    return line.partition("DB::Exception: ")[2] or line
