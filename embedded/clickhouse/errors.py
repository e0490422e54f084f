"""ClickHouse's errors as its HTTP interface shows them: code, name, status; raising them is left to the other modules.

Statuses follow `exceptionCodeToHTTPStatus.cpp` of ClickHouse.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from warehouse.advice import advice


class Code(IntEnum):
    """The error codes that this package raises itself."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    UNKNOWN_SETTING = 115
    READONLY = 164
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING = 216
    QUERY_IS_TOO_LARGE = 229
    CANNOT_DECOMPRESS = 271
    INTO_OUTFILE_NOT_ALLOWED = 358
    HTTP_LENGTH_REQUIRED = 381
    QUERY_WAS_CANCELLED = 394
    ACCESS_DENIED = 497
    AUTHENTICATION_FAILED = 516
    STD_EXCEPTION = 1001


_BAD_REQUEST = (
    # unreadable values and types
    *(6, 25, 26, 27, 38, 41, 44, 53, 72, 117, 321, 376, 427, 441, 675, 676),
    # unreadable queries
    *(8, 15, 36, 37, 62, 123, 167, 168, 223),
)
_NOT_FOUND = (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511)
_FORBIDDEN = (192, 193, 497, 512, 516)

_STATUS: Final[Mapping[int, int]] = MappingProxyType(
    dict.fromkeys(_BAD_REQUEST, 400)
    | dict.fromkeys(_NOT_FOUND, 404)
    | dict.fromkeys(_FORBIDDEN, 403)
    | {194: 401, 159: 408, 381: 411, 229: 413, 779: 415, 48: 501, 76: 503, 209: 503, 439: 503}
)

_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
_OPENED_BY = "The embedded ClickHouse reaches only its own tables; ONEFOLD_CLICKHOUSE_ALLOW opens other sources."
_NAME = re.compile(r" \([A-Z0-9_]+\)\s*$")
_VERSION = re.compile(r"(\s*\(version [^()]*(\([^()]*\))?\))+\s*$")


class ServerError(Exception):
    """An error a ClickHouse client understands: `text` is the body without the version."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> int:
        """The HTTP status ClickHouse answers this code with."""
        return _STATUS.get(self.code, 500)

    def body(self, version: str) -> bytes:
        """Return the response body for a server of this version."""
        return f"{self.text} (version {version} (official build))\n".encode("utf-8", "replace")


def error(code: Code, message: str) -> ServerError:
    """Return an error of the gateway's own, in the engine's form."""
    return ServerError(code, f"Code: {code}. DB::Exception: {message} ({code.name})")


def from_engine(message: str) -> ServerError:
    """Return the engine's error from what chDB raised; a message without a code counts as STD_EXCEPTION."""
    text = _VERSION.sub("", message)
    code = _CODE.search(text)
    if code is None:
        return error(Code.STD_EXCEPTION, text)
    match int(code[1]):
        case Code.READONLY:
            # A GET is read-only although no client wanted it; ClickHouse says so in the same place.
            hint = (
                "For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries."
            )
        case Code.ACCESS_DENIED:
            hint = _OPENED_BY
        case _:
            hint = advice(text)
    if hint:
        text = _NAME.sub(lambda name: f" {hint}{name[0]}", text)
    return ServerError(int(code[1]), text[code.start() :])
