"""The tokens of ClickHouse's SQL, as the engine's own lexer cuts them; what they mean is the statements' part."""

import re
from collections.abc import Iterator

import msgspec

from embedded.clickhouse.errors import Code, error

_TOKEN = re.compile(
    rb"""(?P<space>\s++|--[^\n]*+|\#[! ][^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z))
    |(?P<string>'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+(?:'|\\?\Z))
    |(?P<quoted>`[^`\\]*+(?:(?:\\.|``)[^`\\]*+)*+(?:`|\\?\Z)|"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+(?:"|\\?\Z))
    |(?P<word>[A-Za-z_][A-Za-z0-9_$]*+)
    |(?P<number>[0-9][0-9A-Za-z_$.]*+)
    |(?P<heredoc>\$[A-Za-z0-9_]*+\$)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)|(['`\"])\2", re.DOTALL)
_ESCAPED = {b"b": b"\b", b"f": b"\f", b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"a": b"\a", b"v": b"\v"}


class Token(msgspec.Struct, frozen=True):
    """A lexeme outside comments; `word` is upper-case and empty for all but words and punctuation.

    `value` is what a word or a quoted name says, or the text of a string, escapes resolved.
    """

    word: bytes
    start: int
    end: int
    string: bool
    name: bool = False
    value: bytes = b""


def lex(sql: bytes) -> Iterator[Token]:
    """The tokens of `sql` without comments and whitespace; lazily, as an INSERT's data may follow.

    Raises ServerError where the engine might cut differently: at quotes outside ASCII and at `$` that quotes nothing.
    """
    position = 0
    while found := _TOKEN.match(sql, position):
        kind, start, position = found.lastgroup, position, found.end()
        text = found[0]
        match kind:
            case "space":
                pass
            case "word":
                yield Token(text.upper(), start, position, string=False, name=True, value=text)
            case "string":
                yield Token(b"", start, position, string=True, value=_resolved(text[1:-1]))
            case "quoted":
                yield Token(b"", start, position, string=False, name=True, value=_resolved(text[1:-1]))
            case "heredoc":
                closing = sql.find(text, position)
                if closing < 0:
                    raise error(Code.SYNTAX_ERROR, f"Syntax error: failed at position {start + 1}: never closed.")
                value, position = sql[position:closing], closing + len(text)
                yield Token(b"", start, position, string=True, value=value)
            case "number":
                yield Token(b"", start, position, string=False, value=text)
            case _ if text == b"$" or text >= b"\x80":
                raise error(Code.SYNTAX_ERROR, f"Syntax error: failed at position {start + 1}: unexpected character.")
            case _:
                yield Token(text, start, position, string=False)


def _resolved(text: bytes) -> bytes:
    return _ESCAPE.sub(_character, text) if b"\\" in text or b"''" in text or b"``" in text or b'""' in text else text


def _character(found: re.Match[bytes]) -> bytes:
    escaped, doubled = found[1], found[2]
    if doubled:
        return doubled
    if len(escaped) == 3:
        return bytes.fromhex(escaped[1:].decode())
    return _ESCAPED.get(escaped, escaped)
