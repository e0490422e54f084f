"""Regular expressions find the same in the streams and in ClickHouse."""

import itertools

import pytest

from definitions.model import Comparison, Operator
from definitions.patterns import PatternError, compile_pattern
from definitions.sql.columns import SqlText
from definitions.sql.values import of_scalar, passes
from definitions.streaming.values import compile_comparisons
from warehouse.client import Warehouse

PATTERNS = (
    "shoe",
    "^/shop/[a-z]+$",
    "(?i)SHOES?$",
    "a.c",
    "(?-s)a.c",
    "(?m)^b$",
    "^$",
    "",
    r"\bcat\b",
    r"\d+\.\d{2}",
    "[北南]京",
    "^.{2}$",
    r"\p{Han}",
    'it\'s|"quoted"',
    r"\\",
    "😀|é",
    "(a|b)*c",
    "[^a]",
    r"\x{5317}",
    "北京?",
    "éé*",
    "shoeé*",
    "^北京{0,2}$",
    "北(京|é)?",
    "é+京?|x",
    "(?i)É?北",
    "(?i:é?)京",
)
TEXTS = (
    "",
    "shoe",
    "/shop/red",
    "/shop/red\n",
    "Two SHOES",
    "a\nc",
    "a\r\nc",
    "a\nb\nc",
    "the cat.",
    "concatenate",
    "12.50",
    "北京",
    "北",
    "东京",
    "é",
    "e\u0301",
    "😀",
    "it's",
    "back\\slash",
    "aa\x00c",
    "\u017fhoe \uff33\uff28\uff2f\uff25",
)


@pytest.mark.stack
def test_both_engines_find_the_same(warehouse: Warehouse) -> None:
    pairs = list(itertools.product(PATTERNS, TEXTS))
    columns = ", ".join(
        f"{passes(SqlText(of_scalar(text)), (Comparison(Operator.MATCHES, pattern),), now=0).text} AS c{number}"
        for number, (pattern, text) in enumerate(pairs)
    )
    (row,) = warehouse.rows(f"SELECT {columns}")
    differing = [
        pair
        for pair, found in zip(pairs, row.values(), strict=True)
        if compile_comparisons((Comparison(Operator.MATCHES, pair[0]),))(pair[1]) is not bool(found)
    ]
    assert not differing


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?=a)", r"\1", "a{1001}", "(((a{100}){100}){100})"])
def test_what_is_no_expression_is_told(pattern: str) -> None:
    with pytest.raises(PatternError, match=r".+"):
        compile_pattern(pattern)
