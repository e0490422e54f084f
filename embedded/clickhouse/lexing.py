"""The tokens of a request's SQL; what cannot be cut into tokens is answered as ClickHouse answers it."""

from collections.abc import Iterator

from embedded.clickhouse.errors import Code, error
from warehouse import lexing
from warehouse.lexing import Token, UnreadableSql

__all__ = ["Token", "lex"]


def lex(sql: bytes) -> Iterator[Token]:
    """Yield the tokens lazily, as an INSERT's data may follow. Raises ServerError where the engine might differ."""
    try:
        yield from lexing.lex(sql)
    except UnreadableSql as failure:
        raise error(Code.SYNTAX_ERROR, f"Syntax error: {failure}") from failure
