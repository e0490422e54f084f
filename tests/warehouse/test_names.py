"""What is said to somebody who asks for a table or a column that is not there."""

import pytest

from runtime.errors import OnefoldError
from warehouse.client import Warehouse
from warehouse.completeness import repair
from warehouse.names import explained, names_hint

NAMES = {"events": ("event", "profile_id"), "profiles": ("profile_id", "traits"), "segment_members": ("segment",)}
ALL = "There are the tables events, profiles, segment_members."


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("Unknown table expression identifier 'segmens' in scope SELECT 1", f"Did you mean segment_members? {ALL}"),
        ("Unknown table expression identifier 'onefold.profile' in scope x", f"Did you mean profiles? {ALL}"),
        ("Table onefold.evnts does not exist", f"Did you mean events? {ALL}"),
        ("Unknown table expression identifier '客户' in scope SELECT 1", ALL),
        ("Syntax error", ""),
    ],
)
def test_tables_that_there_are_are_listed_behind_the_one_that_may_be_meant(message: str, hint: str) -> None:
    assert names_hint(message, "SELECT 1", NAMES) == hint


def test_columns_are_those_of_the_tables_that_are_read() -> None:
    statement = "SELECT all_of_them_taken_together.profil_id FROM events AS all_of_them_taken_together"
    message = f"Unknown expression identifier `all_of_them_taken_together.profil_id` in scope {statement}"
    hint = names_hint(message, statement, NAMES)
    assert hint == "Did you mean profile_id? The columns of events are event, profile_id."
    assert names_hint("Unknown expression identifier `x` in scope SELECT x", "SELECT x", NAMES) == ""


def said(warehouse: Warehouse, statement: str) -> str:
    with pytest.raises(OnefoldError) as refused:
        warehouse.answer(statement, {"database": "onefold"})
    return explained(warehouse, refused.value, statement)


@pytest.mark.stack
@pytest.mark.parametrize(
    ("statement", "meant", "listed"),
    [
        ("SELECT * FROM segmens", "segment_members", "the tables computed_hours, "),
        ("SELECT count() FROM onefold.profile", "profiles", "the tables computed_hours, "),
        ("INSERT INTO segment_member (segment) VALUES ('x')", "segment_members", "the tables computed_hours, "),
        ("SELECT profil_id FROM segment_members", "profile_id", "The columns of segment_members are workspace, "),
        ("SELECT m.segmnt FROM segment_members AS m", "segment", "The columns of segment_members are workspace, "),
        ("SELECT 1 FROM profiles WHERE evnts > 3", "events", "The columns of profiles are workspace, "),
        ("SELECT uniq(profil_id) FROM events", "profile_id", "The columns of events are workspace, "),
        ("INSERT INTO segment_members (segmnt) VALUES ('x')", "segment", "The columns of segment_members are "),
    ],
)
def test_what_clickhouse_does_not_know_is_explained_and_nothing_of_it_is_to_be_made(
    migrated: str, warehouse: Warehouse, statement: str, meant: str, listed: str
) -> None:
    assert migrated
    message = said(warehouse, statement)
    assert f"id you mean {meant}?" in message
    assert listed in message
    assert "migrate" not in message


@pytest.mark.stack
def test_a_table_of_onefolds_that_is_gone_is_to_be_made_again(migrated: str, warehouse: Warehouse) -> None:
    assert migrated
    warehouse.run("DROP VIEW onefold.hourly_rejections SYNC")
    try:
        assert "'onefold migrate' makes tables" in said(warehouse, "SELECT * FROM hourly_rejections")
        warehouse.run("ALTER TABLE onefold.profiles DROP COLUMN counters")
        assert "'onefold migrate' makes tables" in said(warehouse, "INSERT INTO profiles (counters) VALUES ({})")
    finally:
        repair(warehouse)
