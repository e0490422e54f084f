"""Values come through queries as they are, whatever they hold and however many there are."""

import pytest

from schemas.records import Identifier
from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.queries.values import IN_IDENTIFIERS, identifier_lists, literal, literals, slices, text_list

AWKWARD = ("it's", "back\\slash", "two\nlines", "tab\t", "nul\0", "💶", "'; DROP TABLE t", "{a:String}", "%s", "")


@pytest.mark.stack
def test_texts_come_through_as_literals_and_as_a_parameter(warehouse: Warehouse) -> None:
    for text in AWKWARD:
        assert tuples(warehouse, f"SELECT {literal(text)} AS a") == [(text,)]
    listed = (
        f"SELECT {literals(AWKWARD)} AS a, JSONExtract({{texts:String}}, 'Array(String)') AS b, {literals(())} AS c"
    )
    assert tuples(warehouse, listed, {"texts": text_list(AWKWARD)}) == [(list(AWKWARD), list(AWKWARD), [])]


@pytest.mark.stack
def test_identifiers_are_found_in_every_list_that_they_are_cut_into(warehouse: Warehouse) -> None:
    identifiers = [Identifier("cookie", f"{text}{at}" * 40) for at in range(40) for text in AWKWARD]
    lists = list(identifier_lists(identifiers))
    assert len(lists) > 1
    query = f"SELECT 1 AS a WHERE ({{namespace:String}}, {{value:String}}) IN {IN_IDENTIFIERS}"
    for member in identifiers[:: len(identifiers) // 7]:
        named = {"namespace": member.namespace, "value": member.value}
        assert sum(len(tuples(warehouse, query, named | {"identifiers": some})) for some in lists) == 1


def test_nothing_is_cut_into_nothing() -> None:
    assert (list(slices([])), list(identifier_lists([]))) == ([], [])
