"""What `onefold sql` makes of a query: a table, JSON, any format, and an error that helps."""

import json
import re

import pytest
from click.testing import CliRunner

from onefold.commands.sql import sql as sql_command
from tests.sinks.examples import ADAS

pytestmark = pytest.mark.stack


def test_sql_answers_as_table_rows_or_any_format(migrated: str, person: str) -> None:
    query = f"SELECT profile_id, events FROM profiles WHERE workspace = '{person}'"

    def output(*arguments: str, typed: str | None = None) -> str:
        answer = CliRunner().invoke(sql_command, arguments, input=typed, env={"ONEFOLD_CLICKHOUSE": migrated})
        assert answer.exit_code == 0, answer.output
        return answer.output

    assert ADAS in output(query)
    assert json.loads(output(query, "--json")) == [{"profile_id": ADAS, "events": 24}]
    assert output(query, "--format", "TSV") == f"{ADAS}\t24\n"
    assert output("-", typed=f"{query} FORMAT CSV") == f'"{ADAS}",24\n'


def test_an_error_of_clickhouse_is_one_line_with_its_code(migrated: str) -> None:
    answer = CliRunner().invoke(sql_command, ["SELEKT"], env={"ONEFOLD_CLICKHOUSE": migrated})
    assert answer.exit_code == 1
    assert re.match(r"Error: ClickHouse at \S+ refuses with code 62: Syntax error", answer.output)
    assert len(answer.output.splitlines()) == 1


def test_an_error_about_a_type_says_what_to_write_once(migrated: str) -> None:
    answer = CliRunner().invoke(
        sql_command, ["SELECT sum(properties.total) FROM events"], env={"ONEFOLD_CLICKHOUSE": migrated}
    )
    assert answer.exit_code == 1
    assert answer.output.count("read it as num(properties.total)") == 1


def test_a_table_that_there_is_not_is_one_line_with_those_that_there_are(migrated: str) -> None:
    answer = CliRunner().invoke(sql_command, ["SELECT * FROM segmens"], env={"ONEFOLD_CLICKHOUSE": migrated})
    assert answer.exit_code == 1
    assert "Did you mean segment_members? There are the tables computed_hours, " in answer.output
    assert "migrate" not in answer.output
    assert len(answer.output.splitlines()) == 1
