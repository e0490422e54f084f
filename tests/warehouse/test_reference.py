"""The reference of tables is what the migrations say, and says something of everything."""

from pathlib import Path

import pytest

from tests.support.rows import tuples
from warehouse.blueprints import blueprints
from warehouse.client import Warehouse
from warehouse.migrate import read_migrations
from warehouse.reference import reference
from warehouse.tables import TABLES, VIEWS, is_personal

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tables.md"
MADE = blueprints(statement for migration in read_migrations() for statement in migration.statements)


def test_the_page_is_the_reference_of_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make docs-reference`"


def test_a_column_is_shown_with_its_type_whether_it_is_personal_and_its_comment() -> None:
    section = reference().partition("## profiles\n")[2].partition("\n## ")[0]
    assert "Sorted by `workspace, profile_id`." in section
    assert "| `events` | `Int64` |  | How many events were folded into the profile |" in section
    assert "| `traits` | `JSON(max_dynamic_paths = 256)` | personal |" in section
    assert "traits_sent" not in section


def test_every_view_says_of_which_table_it_shows_columns() -> None:
    views = {name for name, blueprint in MADE.items() if blueprint.kind == "view"}
    assert views == VIEWS.keys()
    assert set(VIEWS.values()) <= TABLES.keys()
    assert is_personal("events", "properties")
    assert not is_personal("events", "event")


@pytest.mark.stack
def test_every_table_view_and_column_says_what_it_is(warehouse: Warehouse) -> None:
    bare = tuples(
        warehouse,
        "SELECT name FROM system.tables WHERE database = 'onefold' AND comment = '' UNION ALL"
        " SELECT concat(table, '.', name) FROM system.columns WHERE database = 'onefold' AND comment = ''",
    )
    assert bare == []


@pytest.mark.stack
def test_clickhouse_shows_the_comments_of_the_reference(warehouse: Warehouse) -> None:
    stored = tuples(warehouse, "SELECT name, comment FROM system.tables WHERE database = 'onefold'")
    made = {(name, blueprint.comment) for name, blueprint in MADE.items() if blueprint.kind != "function"}
    assert made <= set(stored)


@pytest.mark.stack
def test_every_view_lists_the_columns_that_it_selects(warehouse: Warehouse) -> None:
    queries = tuples(
        warehouse, "SELECT name, as_select FROM system.tables WHERE database = 'onefold' AND engine = 'View'"
    )
    for name, query in queries:
        if MADE[str(name)].columns:
            listed, selected = (warehouse.rows(f"DESCRIBE TABLE {what}") for what in (f"onefold.{name}", f"({query})"))
            assert [(row["name"], row["type"]) for row in selected] == [(row["name"], row["type"]) for row in listed]
