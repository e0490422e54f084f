"""What a piece of SQL is, as far as HTTP must know: its kind, its format, where an INSERT's data begins.

A lexer and no parser: the engine judges the SQL, and gets it as it came.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum, auto

import msgspec

from embedded.clickhouse.access import ANYWHERE, SETTING, denied_engines, denied_functions
from embedded.clickhouse.errors import Code, error

_TOKEN = re.compile(
    rb"""(?P<space>\s++|--[^\n]*+|\#[!\s][^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z))
    |(?P<string>'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+(?:'|\\?\Z))
    |(?P<quoted>`[^`\\]*+(?:(?:\\.|``)[^`\\]*+)*+(?:`|\\?\Z)|"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+(?:"|\\?\Z))
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*+)
    |(?P<number>[0-9][0-9A-Za-z_.]*+)
    |(?P<heredoc>\$[A-Za-z0-9_]*+\$)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_DATA_GAP = re.compile(rb"[ \t\f]*\r?\n?")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_OUTPUT_END = (b";", b"SETTINGS", b"INTO", b"")
_REFUSED_SYSTEM = (b"SHUTDOWN", b"KILL")
_READING = frozenset({b"SHOW", b"DESCRIBE", b"DESC", b"EXPLAIN", b"EXISTS", b"CHECK", b"USE", b"SET"})


class Kind(Enum):
    """How a statement must be run."""

    SELECT = auto()
    INSERT_DATA = auto()
    KILL = auto()
    OTHER = auto()


class Token(msgspec.Struct, frozen=True):
    """A lexeme outside comments; `word` is upper-case and empty for all but words and punctuation."""

    word: bytes
    start: int
    end: int
    string: bool


_NO_TOKEN = Token(b"", 0, 0, False)


class Statement(msgspec.Struct, frozen=True):
    """A statement for the engine; `format` is the one it names itself; `data_at` counts in the text it came in.

    `changes`: it may change something, as far as its words tell.
    """

    kind: Kind
    text: bytes
    format: str | None = None
    data_at: int = 0
    changes: bool = True


class Denied(msgspec.Struct, frozen=True):
    """What a statement may not name: functions, with the source that allows each, and engines; in lower case."""

    functions: Mapping[str, str]
    engines: frozenset[str]

    @classmethod
    def beside(cls, allowed: Collection[str]) -> "Denied":
        """What is denied where some sources are allowed."""
        return cls(denied_functions(allowed), denied_engines(allowed))


NOTHING_DENIED = Denied({}, frozenset())


def lex(sql: bytes) -> Iterator[Token]:
    """The tokens of `sql` without comments and whitespace; lazily, as an INSERT's data may follow."""
    position = 0
    while found := _TOKEN.match(sql, position):
        kind, position = found.lastgroup, found.end()
        if kind == "space":
            continue
        if kind == "heredoc":
            closing = sql.find(found[0], position)
            position = len(sql) if closing < 0 else closing + len(found[0])
        word = found[0].upper() if kind in ("word", "other") else b""
        yield Token(word, found.start(), position, kind in ("string", "heredoc"))


def parse(sql: bytes, denied: Denied = NOTHING_DENIED) -> Statement:
    """What `sql` is, which must be one statement; an INSERT's data may be cut off.

    Raises ServerError for several statements, an empty one, what HTTP must not do (files and the process itself), and
    what is denied.
    """
    tokens = lex(sql)
    first = next(tokens, None)
    if first is None or first.word == b";":
        raise error(Code.SYNTAX_ERROR, "Syntax error: Empty query.")
    if first.word != b"(" and not first.word[:1].isalpha():
        # The engine would skip over some bytes that begin no statement and answer nothing.
        raise error(Code.SYNTAX_ERROR, "Syntax error: failed at position 1: not the beginning of a statement.")
    if first.word == b"INSERT" and (data := _find_data(sql, tokens)):
        _refuse_denied(data.text, list(lex(data.text)), denied)
        return data
    rest = list(lex(sql))
    _refuse(rest)
    _refuse_denied(sql, rest, denied)
    _refuse_several(sql, rest)
    if first.word in (b"SELECT", b"WITH", b"FROM", b"("):
        inserts = any(token.word == b"INSERT" for token in rest)
        kind = Kind.OTHER if inserts else Kind.SELECT
        return Statement(kind, sql, _output_format(sql, rest), changes=inserts)
    if first.word == b"KILL":
        return Statement(Kind.KILL, sql, _output_format(sql, rest))
    return Statement(Kind.OTHER, sql, _output_format(sql, rest), changes=first.word not in _READING)


def _find_data(sql: bytes, tokens: Iterator[Token]) -> Statement | None:
    """The INSERT whose data follows it, or None for INSERT ... SELECT and what the engine shall find faulty."""
    token = next(tokens, None)
    while token and token.word in (b"INTO", b"TABLE", b"FUNCTION"):
        token = next(tokens, None)
    # `token` is the first part of a table's or function's name, which may read like a keyword.
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
                return Statement(Kind.INSERT_DATA, sql[: token.start], "Values", token.end)
            if token.word == b"FORMAT":
                name = next(tokens, None)
                if name is None or not name.word.isalnum():
                    return None
                # One line break at most: what follows may be binary and begin with one itself.
                gap = _DATA_GAP.match(sql, name.end)
                data_at = gap.end() if gap else name.end
                return Statement(Kind.INSERT_DATA, sql[: token.start], _text(sql, name), data_at)
        after_dot = token.word == b"."
    return None


def _refuse(tokens: list[Token]) -> None:
    for this, following in zip(tokens, [*tokens[1:], _NO_TOKEN], strict=True):
        match this.word, following.word:
            case b"INTO", b"OUTFILE":
                raise error(Code.INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed")
            case b"INPUT", b"(":
                raise error(Code.NOT_IMPLEMENTED, "Table function input() is not available on the embedded engine.")
            case b"PYTHON", b"(":
                raise error(Code.ACCESS_DENIED, "Table function Python() would read this process's own objects.")
            case b"SYSTEM", action if action in _REFUSED_SYSTEM and this is tokens[0]:
                raise error(Code.ACCESS_DENIED, "The embedded engine is stopped with `onefold up`, not by a query.")


def refuse_in_values(values: bytes, denied: Denied) -> None:
    """Raise ServerError where data in the format Values, which may be expressions, names what is denied."""
    _refuse_denied(values, list(lex(values)), denied)


def _refuse_denied(sql: bytes, tokens: list[Token], denied: Denied) -> None:
    """By name, wherever it stands: the engine takes the name of a function for a lambda as well (`arrayMap(file, x)`).

    A column of such a name can be named behind its table's: `t.file`.
    """
    before_that, before, is_engine = _NO_TOKEN, _NO_TOKEN, False
    for this, following in zip(tokens, [*tokens[1:], _NO_TOKEN], strict=True):
        name = _name(sql, this)
        if name is not None and b"." not in (before.word, following.word):
            _refuse_function(name, following.word == b"(", denied)
        if before.word == b"(" and before_that.word == b"FORMAT":
            _refuse_values(name or _text_of(sql, this), following)
        if name is not None and is_engine:
            _refuse_engine(name, denied)
        is_engine = this.word == b"ENGINE" or (is_engine and this.word == b"=")
        before_that, before = before, this


def _refuse_function(name: str, is_called: bool, denied: Denied) -> None:
    source = denied.functions.get(name)
    if source is not None and (is_called or name in ANYWHERE):
        way = f": it reaches outside of the database (allow it with {SETTING}={source})" if source else ""
        raise error(Code.ACCESS_DENIED, f"{name} is denied here{way}.")


def _refuse_values(format_name: str, following: Token) -> None:
    """The table function `format` evaluates the expressions in a text of the format Values, and in its own name."""
    if following.word != b"," or format_name == "values":
        raise error(
            Code.ACCESS_DENIED,
            "The first argument of format() must be a name or a text, and not Values, whose text may be expressions.",
        )


def _refuse_engine(name: str, denied: Denied) -> None:
    if name in denied.engines:
        raise error(Code.ACCESS_DENIED, f"The engine {name} is denied here: it reaches outside of the database.")


def _name(sql: bytes, token: Token) -> str | None:
    """What a token names, in lower case; None for what is no name."""
    if sql[token.start : token.start + 1] in {b"`", b'"'}:
        return _text_of(sql, token)
    return token.word.decode().lower() if token.word[:1].isalpha() or token.word[:1] == b"_" else None


def _text_of(sql: bytes, token: Token) -> str:
    """What stands between a token's quotes, in lower case, with its escapes read as ClickHouse reads them."""
    quoted = sql[token.start + 1 : token.end - 1].decode("utf-8", "replace")
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], quoted).lower()


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
