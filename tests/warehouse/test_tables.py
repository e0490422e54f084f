"""The one list of columns is what the migrations create."""

import pytest

from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.column_types import (
    BYTES,
    CLAIMANTS,
    COUNTERS,
    HEADERS,
    IDENTIFIER_ID,
    IDENTIFIERS,
    JSON,
    JSON_TEXT,
    OPTIONAL_BYTES,
    OPTIONAL_TEXT,
    REPAIRS,
    TEXT,
    TEXT_OR_EMPTY,
    TEXTS,
    UNPARSED,
)
from warehouse.tables import TABLES

_MAY_BE_PERSONAL = (
    *(TEXT, TEXT_OR_EMPTY, OPTIONAL_TEXT, TEXTS, BYTES, OPTIONAL_BYTES, JSON, JSON_TEXT),
    *(IDENTIFIERS, IDENTIFIER_ID, HEADERS, CLAIMANTS, REPAIRS, COUNTERS),
)


def test_whether_a_column_is_personal_is_said_of_each_that_has_room_for_it() -> None:
    for table in TABLES.values():
        for column in table.columns:
            assert (column.personal is not None) is (column.type in _MAY_BE_PERSONAL), f"{table.name}.{column.name}"


def test_every_table_has_its_workspace_first() -> None:
    for table in TABLES.values():
        assert (table.key[0], table.columns[0].name) == ("workspace", "workspace"), table.name


@pytest.mark.stack
def test_the_migrations_create_exactly_the_listed_columns(warehouse: Warehouse) -> None:
    stored = tuples(
        warehouse,
        "SELECT table, name, type FROM system.columns WHERE database = 'onefold' AND default_kind"
        " NOT IN ('EPHEMERAL', 'ALIAS') AND table != 'migrations'"
        " AND table NOT IN (SELECT name FROM system.tables WHERE engine = 'View')"
        " ORDER BY table, position",
    )
    listed = [
        (table.name, column.name, column.type.clickhouse)
        for table in sorted(TABLES.values(), key=lambda table: table.name)
        for column in table.columns
    ]
    assert stored == listed


@pytest.mark.stack
def test_every_json_column_is_inserted_as_text_which_its_table_keeps(warehouse: Warehouse) -> None:
    ephemeral = {
        (row[0], row[1])
        for row in tuples(
            warehouse,
            "SELECT table, name FROM system.columns WHERE database = 'onefold' AND default_kind = 'EPHEMERAL'",
        )
    }
    listed = {
        (table.name, column.inserted_as)
        for table in TABLES.values()
        for column in table.columns
        if column.type in (JSON, BYTES)
    }
    assert ephemeral == listed
    for table in TABLES.values():
        kinds = [column.type for column in table.columns]
        assert (JSON in kinds) == (UNPARSED in kinds), table.name
        texts = {column.name for column in table.columns if column.type is JSON_TEXT}
        assert texts == {f"{column.name}_text" for column in table.columns if column.type is JSON}, table.name


@pytest.mark.stack
def test_an_index_that_leads_to_one_of_many_is_wrong_about_one_granule_of_a_thousand(warehouse: Warehouse) -> None:
    indexes = tuples(
        warehouse,
        "SELECT table, type_full AS type, granularity FROM system.data_skipping_indices"
        " WHERE database = 'onefold' AND type != 'minmax'",
    )
    assert {index[0] for index in indexes} == {
        *("raw_events", "sessions", "segment_changes", "triggers", "deliveries"),
        *("links", "link_log", "identity_changes"),
    }
    assert {index[1:] for index in indexes} == {("bloom_filter(0.001)", 1)}


@pytest.mark.stack
def test_every_table_keeps_the_newest_row_of_its_key(warehouse: Warehouse) -> None:
    engines = {
        row[0]: (row[1], row[2])
        for row in tuples(
            warehouse,
            "SELECT name, sorting_key, engine_full FROM system.tables WHERE database = 'onefold'"
            " AND engine = 'ReplacingMergeTree' AND name != 'migrations'",
        )
    }
    assert engines.keys() == TABLES.keys()
    for table in TABLES.values():
        sorting_key, engine = engines[table.name]
        assert sorting_key == ", ".join(table.key)
        left_out = [
            column.name for column in table.columns if column.name in {"is_deleted", "is_repetition", "is_squashed"}
        ]
        assert f"ReplacingMergeTree({', '.join(['version', *left_out])})" in str(engine)
        assert "non_replicated_deduplication_window = 1000" in str(engine)
