"""The tokens of ClickHouse's SQL, as the engine's own lexer cuts them; what they mean is left to the statements."""

import re
from collections.abc import Iterator

import msgspec

_TOKEN = re.compile(
    rb"""(?P<space>\s++|--[^\n]*+|//[^\n]*+|\#[! ][^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z))
    |(?P<string>'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+(?:'|\\?\Z))
    |(?P<quoted>`[^`\\]*+(?:(?:\\.|``)[^`\\]*+)*+(?:`|\\?\Z)|"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+(?:"|\\?\Z))
    |(?P<word>[A-Za-z_][A-Za-z0-9_$]*+)
    |(?P<number>[0-9][0-9A-Za-z_$.]*+)
    |(?P<heredoc>\$[A-Za-z0-9_]*+\$)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


_SHOWN_BYTES = 120


class UnreadableSql(ValueError):
    """Cannot be cut into tokens, or the engine might cut it differently."""


class Token(msgspec.Struct, frozen=True):
    """A lexeme outside comments; `word` is upper-case and empty for all but words and punctuation.

    `value` is what a word or a quoted name says, or the text of a string with its escapes as they are.
    """

    word: bytes
    start: int
    end: int
    string: bool
    name: bool = False
    value: bytes = b""


def lex(sql: bytes) -> Iterator[Token]:
    """Yield the tokens of `sql` without comments and whitespace; lazily, as an INSERT's data may follow.

    Raises UnreadableSql where the engine might read differently: at quotes outside ASCII, at `$` that quotes nothing,
    and at escapes in names, whose rules (`\\N` is nothing, `\\x` takes what is no digit) no query needs.
    """
    position = 0
    while token := _TOKEN.match(sql, position):
        kind, start, position = token.lastgroup, position, token.end()
        text = token[0]
        match kind:
            case "space":
                pass
            case "word":
                yield Token(text.upper(), start, position, string=False, name=True, value=text)
            case "string":
                yield Token(b"", start, position, string=True, value=text[1:-1].replace(b"''", b"'"))
            case "quoted":
                if b"\\" in text:
                    raise UnreadableSql(f"failed at position {start + 1}: names with a backslash are not read here.")
                quote = text[:1]
                name = text[1:-1].replace(quote + quote, quote)
                yield Token(b"", start, position, string=False, name=True, value=name)
            case "heredoc":
                closing = sql.find(text, position)
                if closing < 0:
                    raise UnreadableSql(f"failed at position {start + 1}: never closed.")
                value, position = sql[position:closing], closing + len(text)
                yield Token(b"", start, position, string=True, value=value)
            case "number":
                yield Token(b"", start, position, string=False, value=text)
            case _ if text == b"$" or text >= b"\x80":
                raise UnreadableSql(
                    f"failed at position {start + 1}: {_unexpected(sql[start : start + _SHOWN_BYTES])}."
                )
            case _:
                yield Token(text, start, position, string=False)


def _unexpected(rest: bytes) -> str:
    """Say what is wrong with SQL that goes on like this, and what to write if it is a name."""
    text = rest.decode(errors="ignore")
    if name := re.match(r"[^\W\d]\w*", text):
        return f"names of other letters than a to z stand in backquotes: `{name[0]}`"
    return f"unexpected character {text[:1]!r}" if text else "unexpected character"
