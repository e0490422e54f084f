"""What a piece of SQL is, as far as HTTP must know: its kind, its format, where an INSERT's data begins.

Tokens and no parser: the engine judges the SQL, and gets it as it came.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto

import msgspec

from embedded.clickhouse.errors import Code, error
from embedded.clickhouse.lexing import Token, lex
from embedded.clickhouse.refusals import Refusals, refuse

_DATA_GAP = re.compile(rb"[ \t\f]*\r?\n?")
_READING = (b"(", b"SELECT", b"WITH", b"FROM", b"SHOW", b"DESCRIBE", b"DESC", b"EXPLAIN", b"EXISTS")
_OUTPUT_END = (b";", b"SETTINGS", b"INTO", b"")


class StatementKind(Enum):
    """How a statement must be run."""

    SELECT = auto()
    INSERT_DATA = auto()
    KILL = auto()
    OTHER = auto()


class Statement(msgspec.Struct, frozen=True):
    """A statement for the engine; `format` is the one it names itself; `data_at` counts in the text it came in."""

    kind: StatementKind
    text: bytes
    format: str | None = None
    data_at: int = 0

    @property
    def reads_only(self) -> bool:
        """Whether it begins as one that changes nothing; the engine's `readonly` lets KILL and SYSTEM through."""
        first = next(lex(self.text))
        return first.word in _READING


def parse(sql: bytes, refused: Refusals) -> Statement:
    """Return what `sql` is, which must be one statement; an INSERT's data may be cut off.

    Raises ServerError for several statements, an empty one, and what reaches outside of the tables.
    """
    tokens = lex(sql)
    first = next(tokens, None)
    if first is None or first.word == b";":
        raise error(Code.SYNTAX_ERROR, "Syntax error: Empty query.")
    if first.word != b"(" and not first.word[:1].isalpha():
        # The engine would skip over some bytes that begin no statement and answer nothing.
        raise error(Code.SYNTAX_ERROR, "Syntax error: failed at position 1: not the beginning of a statement.")
    if first.word == b"INSERT" and (data := _find_data(sql, tokens)):
        refuse(list(lex(data.text)), refused)
        return data
    rest = list(lex(sql))
    refuse(rest, refused)
    _refuse_several(sql, rest)
    if first.word in (b"SELECT", b"WITH", b"FROM", b"("):
        inserts = any(token.word == b"INSERT" for token in rest)
        return Statement(StatementKind.OTHER if inserts else StatementKind.SELECT, sql, _output_format(sql, rest))
    if first.word == b"KILL":
        return Statement(StatementKind.KILL, sql, _output_format(sql, rest))
    return Statement(StatementKind.OTHER, sql, _output_format(sql, rest))


def _find_data(sql: bytes, tokens: Iterator[Token]) -> Statement | None:
    """Return the INSERT whose data follows it, or None for INSERT ... SELECT and what the engine shall find faulty."""
    token = next(tokens, None)
    while token and token.word in (b"INTO", b"TABLE", b"FUNCTION"):
        token = next(tokens, None)
    # `token` is the first element of a table's or function's name, which may read like a keyword.
    depth, after_dot = 0, False
    for token in tokens:
        if token.word in (b"(", b"[", b"{"):
            depth += 1
        elif token.word in (b")", b"]", b"}"):
            depth -= 1
        elif token.word in (b"SELECT", b"WITH") and depth <= 1 and not after_dot:
            return None
        elif depth == 0 and not after_dot:
            if token.word == b"FROM":
                raise error(Code.NOT_IMPLEMENTED, "FROM INFILE reads files of the client: send the data in the body.")
            if token.word == b"VALUES":
                return Statement(StatementKind.INSERT_DATA, sql[: token.start], "Values", token.end)
            if token.word == b"FORMAT":
                name = next(tokens, None)
                if name is None or not name.word.isalnum():
                    return None
                # One line break at most: what follows may be binary and begin with one itself.
                gap = _DATA_GAP.match(sql, name.end)
                data_at = gap.end() if gap else name.end
                return Statement(StatementKind.INSERT_DATA, sql[: token.start], _text(sql, name), data_at)
        after_dot = token.word == b"."
    return None


def _refuse_several(sql: bytes, tokens: list[Token]) -> None:
    end = next((index for index, token in enumerate(tokens) if token.word == b";"), None)
    if end is not None and any(token.word != b";" for token in tokens[end:]):
        at = tokens[end].start
        excerpt = sql[at : at + 100].decode("utf-8", "replace")
        raise error(
            Code.SYNTAX_ERROR,
            f"Syntax error (Multi-statements are not allowed): failed at position {at + 1} (end of query): {excerpt}.",
        )


def _output_format(sql: bytes, tokens: list[Token]) -> str | None:
    words = [token.word for token in tokens] + [b"", b""]
    for index in range(len(tokens) - 1, 0, -1):
        if words[index] == b"FORMAT" and words[index + 1].isalnum() and words[index + 2] in _OUTPUT_END:
            return _text(sql, tokens[index + 1])
    return None


def _text(sql: bytes, token: Token) -> str:
    return sql[token.start : token.end].decode("ascii")
