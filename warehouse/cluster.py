"""Renders a statement for a cluster: on all of its servers, with tables that they replicate. Pure, by tokens.

Statements are written for one server. A cluster is one shard: rows go to, and come from, the server that is named.
"""

from collections.abc import Iterator, Sequence

from warehouse.blueprints import KINDS, name_end
from warehouse.lexing import Token, lex

DEDUPLICATED_FOR_S = 7 * 24 * 3600
"""For how long a replicated table knows the token of an insert; one that is not replicated counts inserts alone."""

_UNCHANGED = (b"SELECT", b"WITH", b"INSERT", b"SYSTEM", b"SET")
_NAMED_FIRST = (b"CREATE", b"DROP", b"ALTER", b"TRUNCATE", b"OPTIMIZE", b"ATTACH", b"DETACH")
_NAMED_LAST = (b"RENAME", b"EXCHANGE")
_KINDS = (b"DATABASE", *KINDS)
_FAMILY = "MergeTree"
_REPLICATED = "Replicated"
_WINDOW = "non_replicated_deduplication_window"

Insertion = tuple[int, int, str]
"""What goes in place of the characters from one position to another."""


def on_cluster(statement: str, cluster: str) -> str:
    """Return the statement for a cluster; without a name of one, and where it changes no table, as it is.

    Raises ValueError for a statement of which nobody has said what it is on a cluster.
    """
    tokens = list(lex(statement.encode()))
    if not cluster or not tokens or tokens[0].word in _UNCHANGED:
        return statement
    at = _clause_at(statement, tokens)
    if at is None:
        return statement
    changes = [(at, at, f" ON CLUSTER '{cluster}'"), *_replicated(tokens)]
    rendered = statement.encode()
    for start, end, text in sorted(changes, reverse=True):
        rendered = rendered[:start] + text.encode() + rendered[end:]
    return rendered.decode()


def _clause_at(statement: str, tokens: Sequence[Token]) -> int | None:
    """Return where ON CLUSTER goes; None for a table of one session."""
    words = [token.word for token in tokens]
    if b"TEMPORARY" in words[:4]:
        return None
    if words[0] in _NAMED_LAST:
        return tokens[-1].end
    kind = next((index for index, word in enumerate(words[:5]) if word in _KINDS), None)
    if words[0] not in _NAMED_FIRST or kind is None:
        raise ValueError(f"how is this done on a cluster? {statement[:100]}")
    return tokens[name_end(words, kind + 1)].end


def _replicated(tokens: Sequence[Token]) -> Iterator[Insertion]:
    """The engine by its replicated name, whose path and replica are the server's defaults; its deduplication, too."""
    outer = list(_outside_of_parentheses(tokens))
    for index, token in enumerate(outer):
        if token.word == b"ENGINE":
            engine = next((following for following in outer[index + 1 :] if following.word != b"="), token)
            name = engine.value.decode()
            if not name.endswith(_FAMILY) or name.startswith(_REPLICATED):
                return
            yield engine.start, engine.start, _REPLICATED
        if token.value.decode("latin-1") == _WINDOW:
            yield token.start, token.end, _WINDOW.removeprefix("non_")
            count = outer[index + 2]
            yield count.end, count.end, f", replicated_deduplication_window_seconds = {DEDUPLICATED_FOR_S}"


def _outside_of_parentheses(tokens: Sequence[Token]) -> Iterator[Token]:
    """Of the definition of a table: the columns are in parentheses, and behind AS SELECT it is a query's."""
    depth = 0
    for token in tokens:
        depth += (token.word == b"(") - (token.word == b")")
        if depth == 0 and token.word in (b"SELECT", b"WITH"):
            return
        if depth == 0:
            yield token
