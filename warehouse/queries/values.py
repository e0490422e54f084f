"""Writes values into queries: as literals in the text, or as parameters that fit into a URL."""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from definitions.sql.literals import literal
from schemas.records import Identifier

__all__ = [
    "HAS_IDENTIFIERS",
    "IN_IDENTIFIERS",
    "composed",
    "identifier_lists",
    "literal",
    "literals",
    "slices",
    "text_array",
    "text_list",
]

SLICE_BYTES = 4_000_000  # of literals in one query: a profile may have any number of identifiers of 512 characters
SLICE_VALUES = 40_000
_PARAMETER_BYTES = 30_000  # of one list in a URL, escaped; httpx takes queries of up to 64 KiB

IN_IDENTIFIERS = """(
    SELECT tupleElement(pair, 1), tupleElement(pair, 2)
    FROM (SELECT arrayJoin(JSONExtract({identifiers:String}, 'Array(Tuple(String, String))')) AS pair)
)"""
"""Right side of `(namespace, value) IN`, of a parameter from `identifier_lists`."""

HAS_IDENTIFIERS = """(
    hasAny(identifiers.value, JSONExtract({identifiers:String}, 'Array(Tuple(String, String))').2)
    AND arrayExists(
        named -> has(JSONExtract({identifiers:String}, 'Array(Tuple(String, String))'), (named.namespace, named.value)),
        identifiers)
)"""
"""Condition that a row's `identifiers` have one of such a parameter; the first half is for the index on values."""


def literals(values: Iterable[str]) -> str:
    """Return an array literal, also of no values."""
    return f"[{','.join(map(literal, values))}]::Array(String)"


def slices(values: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Cut values, in order, into as many at once as one query takes as literals."""
    gathered: list[str] = []
    size = 0
    for value in values:
        own = len(literal(value).encode())
        if gathered and (size + own > SLICE_BYTES or len(gathered) == SLICE_VALUES):
            yield tuple(gathered)
            gathered, size = [], 0
        gathered.append(value)
        size += own
    if gathered:
        yield tuple(gathered)


def text_list(values: Iterable[str]) -> str:
    """Return texts as one parameter, for `JSONExtract({name:String}, 'Array(String)')`."""
    return json.dumps(list(values), ensure_ascii=False)


def text_array(values: Iterable[str]) -> str:
    """Return texts as one parameter of the type `Array(String)`."""
    return f"[{','.join(map(literal, values))}]"


def identifier_lists(identifiers: Iterable[Identifier]) -> Iterator[str]:
    """Cut identifiers into parameters, each of which fits into a URL; `IN_IDENTIFIERS` reads them."""
    pairs: list[str] = []
    size = 0
    for identifier in identifiers:
        pair = text_list((identifier.namespace, identifier.value))
        pair_size = len(quote(pair.replace("\\", "\\\\"))) + len("%2C")
        if pairs and size + pair_size > _PARAMETER_BYTES:
            yield f"[{','.join(pairs)}]"
            pairs, size = [], 0
        pairs.append(pair)
        size += pair_size
    if pairs:
        yield f"[{','.join(pairs)}]"


def composed(name: str) -> str:
    """Return a name in Unicode's composed form, as definitions have it; some systems write another."""
    return unicodedata.normalize("NFC", name)
