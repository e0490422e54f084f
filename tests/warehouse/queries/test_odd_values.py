"""One odd value where a number is expected costs its own row and no query: those of the README, and the demo's."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sinks.examples import event, insert, resolved
from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.queries.demo import cdnow_customers, cdnow_totals

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[3]
ODD = (
    *("[1]", "[]", '[[1],"x"]', '[{"a":1}]', '{"a":1}', "{}", "null", "true", "1e300", "-1e300", '""', '"NaN"'),
    *('"inf"', '"n/a"', '"12,50"', '"0x10"', '"2024-01-01"', '"2024-01-01T00:00:00Z"', '"１２"'),  # noqa: RUF001
    *('"9' + "9" * 40 + '"', "9" * 40, '"\\u0000"', '"💶"', '"1 000"'),
)


def bought(warehouse: Warehouse, workspace: str, totals: Sequence[str]) -> None:
    """Write a purchase for each total; its quantity is the same."""
    texts = [f'{{"total":{total},"quantity":{total}}}' for total in totals]
    insert(warehouse, [resolved(event(f"m{at}", workspace, properties=text), at) for at, text in enumerate(texts)])


def answered(warehouse: Warehouse, query: str, workspace: str) -> list[tuple[object, ...]]:
    """The rows of a query on the purchases of a workspace."""
    return tuples(warehouse, query.replace("'cdnow'", "{workspace:String}"), {"workspace": workspace})


def queries() -> list[str]:
    """The queries of the README that add up."""
    commands = re.findall(r"^onefold sql .*sum\(.*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(command)[2] for command in commands]


def test_the_queries_of_the_readme_add_up_what_is_a_number(warehouse: Warehouse, workspace: str) -> None:
    bought(warehouse, workspace, [*ODD, "0.1", "0.2", "12", '"7.30"', "-1.5", "1e2", '"1.0 "'])
    (query,) = queries()
    ((_, orders, dollars),) = answered(warehouse, query, workspace)
    assert (orders, str(dollars)) == (len(ODD) + 7, "119.1")


@pytest.mark.parametrize("odd", ODD)
def test_each_odd_value_alone_fails_no_query_of_the_readme(warehouse: Warehouse, workspace: str, odd: str) -> None:
    bought(warehouse, workspace, [odd, "2.5"])
    for query in queries():
        assert [row[2] for row in answered(warehouse, query, workspace)] == [2.5]


def test_the_figures_of_the_demo_survive_odd_values(warehouse: Warehouse) -> None:
    bought(warehouse, "cdnow", ODD)
    assert (cdnow_totals(warehouse).quantity, cdnow_totals(warehouse).total) == (0, 0.0)
    bought(warehouse, "cdnow", [*ODD, "3", "4"])
    totals = cdnow_totals(warehouse)
    assert (totals.events, totals.quantity, totals.total) == (len(ODD) + 2, 7, 7.0)
    assert cdnow_customers(warehouse)
