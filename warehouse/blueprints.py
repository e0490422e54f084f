"""Reads off statements what they make: tables and views with their columns, functions. Pure, by tokens."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import msgspec

from warehouse.lexing import Token, lex

KINDS = {b"TABLE": "table", b"VIEW": "view", b"DICTIONARY": "dictionary", b"FUNCTION": "function"}
_NO_COLUMN = (b"INDEX", b"CONSTRAINT", b"PROJECTION", b"PRIMARY")
_OPENING, _CLOSING = (b"(", b"[", b"{"), (b")", b"]", b"}")


class Blueprint(msgspec.Struct, frozen=True):
    """What one statement makes. `columns`: the name of each with its definition, as far as the statement lists them.

    `definition`: of a function, from AS on.
    """

    kind: str
    name: str
    columns: Mapping[str, str] = MappingProxyType({})
    comment: str = ""
    definition: str = ""


def blueprints(statements: Iterable[str]) -> Mapping[str, Blueprint]:
    """Return what there is once all statements have run, by name without its database."""
    made: dict[str, Blueprint] = {}
    for statement in statements:
        tokens = list(lex(statement.encode()))
        words = [token.word for token in tokens]
        kind = next((index for index, word in enumerate(words[:5]) if word in KINDS), None)
        if words[:1] == [b"CREATE"] and kind is not None:
            last = name_end(words, kind + 1)
            name = tokens[last].value.decode()
            columns = dict(_columns(statement.encode(), tokens[last + 1 :]))
            definition = ""
            if words[last + 1 : last + 2] == [b"AS"] and KINDS[words[kind]] == "table" and not columns:
                columns = dict(made[tokens[name_end(words, last + 2)].value.decode()].columns)
            if KINDS[words[kind]] == "function":
                definition = statement.encode()[tokens[last + 1].start :].decode()
            made[name] = Blueprint(KINDS[words[kind]], name, columns, _comment(tokens[last + 1 :]), definition)
    return made


def name_end(words: Sequence[bytes], start: int) -> int:
    """Return which token ends a name: `name` or `database.name`, behind IF [NOT] EXISTS from `start` on."""
    if words[start] == b"IF":
        start += 3 if words[start + 1] == b"NOT" else 2
    return start + 2 if words[start + 1 : start + 2] == [b"."] else start


def _comment(tokens: Sequence[Token]) -> str:
    """The text behind COMMENT, but for those of columns, which stand in parentheses."""
    depth = 0
    for token, following in pairwise(tokens):
        depth += (token.word in _OPENING) - (token.word in _CLOSING)
        if depth == 0 and token.word == b"COMMENT" and following.string:
            return following.value.decode()
    return ""


def _columns(statement: bytes, tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """The parts of the list in parentheses that `tokens` begin with, if they do, but for indexes and the like."""
    if not tokens or tokens[0].word != b"(":
        return
    depth, part = 0, list[Token]()
    for token in tokens:
        depth += (token.word in _OPENING) - (token.word in _CLOSING)
        if depth == 0 or (depth == 1 and token.word == b","):
            if part and part[0].word not in _NO_COLUMN:
                yield part[0].value.decode(), statement[part[0].start : part[-1].end].decode()
            part = []
        elif depth > 1 or token.word != b"(":
            part.append(token)
        if depth == 0:
            return
