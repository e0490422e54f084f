"""What was sent is what is shown: keys and values of any kind, by every reader, from the tables that the sink fills."""

import json
import uuid

import msgspec
import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api.lookups import lookup_routes
from onefold.commands.profile import profile as profile_command
from onefold.commands.sql import sql as sql_command
from runtime.literal import shows
from schemas import topics
from settings import ClickHouse, Serving, Settings, Workspace
from tests.sinks.examples import ADA, ADAS, event, insert, placed, profile, resolved
from warehouse.client import Warehouse
from warehouse.queries.profiles import find_profile

pytestmark = pytest.mark.stack

KEYS = {
    "a dotted key beside its first part": '{"address":"x","address.city":"y"}',
    "a dotted key beside the same path": '{"a.b":1,"a":{"b":2}}',
    "dots within dots": '{"a":{"b.c":{"d.e":1}},"a.b":{"c":2}}',
    "dots alone": '{".":1,"..":2,".a":3,"a.":4,"a..b":5}',
    "empty keys": '{"":1,"a":{"":2}}',
    "quotes, backslashes and brackets": r'{"a\"b":1,"c\\d":2,"[0]":3,"e[]":4,"`x`":5,"f\'g":6}'.replace(r"\'", "'"),
    "a long key": '{"' + "k" * 300 + '":1}',
    "names of prototypes": '{"__proto__":{"x":1},"constructor":2}',
    "numbers": '{"0":"a","1":{"2":"b"}}',
    "keys that differ in case": '{"A":1,"a":2,"É":3,"é":4}',
    "letters of all scripts, and emoji": '{"城市":"上海","👩‍👧":"👍🏽"}',
    "words of SQL": '{"null":"null","size0":1,"SELECT":2,"x.:Int64":3}',
}
"""Whole JSON columns show these as well, in whatever order."""
VALUES = {
    "an escaped dot": '{"a%2Eb":1,"a.b":2}',
    "big integers": '{"a":9223372036854775807,"b":9223372036854775808,"c":18446744073709551615,"d":-9007199254740993}',
    "integers of more than 64 bits": '{"a":18446744073709551616,"b":123456789012345678901234567890}',
    "floating point": '{"a":1e300,"b":0.1,"c":1.0,"d":1,"e":-0.0,"f":1.10,"g":1E2,"h":0.1000000000000000055511151}',
    "nulls": '{"a":null,"b":{"c":null},"d":[null]}',
    "empty ones": '{"a":{},"b":[],"c":"","d":[{}],"e":[[]]}',
    "mixed lists": '{"a":[1,"x",null,{"b":[1.5]},true],"b":[1,1.5],"c":[[1],["x"]]}',
    "texts that look like times": '{"a":"2024-01-01","b":"2024-01-01T00:00:00Z","c":"20240101"}',
    "texts that look like something else": '{"c":"12","d":"1.0","e":"true","f":"null","g":"{}","h":" "}',
    "truth": '{"a":true,"b":false}',
    "what does not show": r'{"a\u0000":"\u001b[31m","b":"\u0085\u202e\u2028\ufeff","c":"\ud83d\ude00"}',
}
EVERYTHING = [pytest.param(text, id=name) for name, text in (KEYS | VALUES).items()]
DOTTED = [pytest.param(text, id=name) for name, text in KEYS.items()]


def exactly(text: str | bytes) -> object:
    """A value by which two JSON texts can be compared: keys in order, digits of numbers as they are."""
    return json.loads(text, object_pairs_hook=tuple, parse_float=_Digits, parse_int=_Digits)


class _Digits(str):
    """A number, which equals no text."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Digits) and str(self) == str(other)

    __hash__ = str.__hash__


def output(migrated: str, *arguments: str) -> str:
    command = profile_command if arguments[0] == "profile" else sql_command
    answer = CliRunner().invoke(command, arguments[1:], env={"ONEFOLD_CLICKHOUSE": migrated})
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.parametrize("sent", EVERYTHING)
def test_api_and_command_show_the_traits_of_a_profile_exactly(
    migrated: str, warehouse: Warehouse, workspace: str, sent: str
) -> None:
    insert(warehouse, [placed(topics.PROFILES, profile(ADAS, 1, workspace, identifiers=(ADA,), traits=sent), 0)])
    app = Starlette(routes=lookup_routes())
    known = {workspace: Workspace(workspace, uuid.uuid4())}
    app.state.settings = Settings(clickhouse=ClickHouse(migrated), serving=Serving(open_reads=True), workspaces=known)
    answer = TestClient(app).get("/v1/profiles/user_id:ada", params={"workspace": workspace})
    shown = output(migrated, "profile", "user_id:ada", "--workspace", workspace, "--json")
    for text in (answer.text, shown):
        assert dict(exactly(text))["traits"] == exactly(sent)  # type: ignore[call-overload]
        assert all(map(shows, text.rstrip("\n")))


@pytest.mark.parametrize("sent", EVERYTHING)
def test_the_texts_of_an_event_are_what_was_sent(
    migrated: str, warehouse: Warehouse, workspace: str, sent: str
) -> None:
    insert(warehouse, [resolved(event("m1", workspace, properties=sent, traits=sent, context=sent), 0)])
    query = f"SELECT properties_text, traits_text, context_text FROM raw_events WHERE workspace = '{workspace}'"
    (row,) = json.loads(output(migrated, "sql", query, "--json"))
    assert list(row.values()) == [sent] * 3


@pytest.mark.parametrize("sent", DOTTED)
def test_whole_json_columns_of_events_and_profiles_show_every_key_that_was_sent(
    migrated: str, warehouse: Warehouse, workspace: str, sent: str
) -> None:
    insert(warehouse, [resolved(event("m1", workspace, properties=sent), 0)])
    insert(warehouse, [placed(topics.PROFILES, profile(ADAS, 1, workspace, traits=sent), 0)])
    for column, table in (("properties", "events"), ("traits", "profiles")):
        shown = output(migrated, "sql", f"SELECT {column} FROM {table} WHERE workspace = '{workspace}'", "--json")
        assert json.loads(shown) == [{column: json.loads(sent)}]


def test_the_path_of_a_dotted_key_is_not_that_of_a_nested_one(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, [resolved(event("m1", workspace, properties='{"a.b":1,"a":{"b":2}}'), 0)])
    query = "SELECT properties.a.b AS nested, properties.`a%2Eb` AS dotted FROM onefold.events"
    (row,) = warehouse.rows(f"{query} WHERE workspace = {{workspace:String}}", {"workspace": workspace})
    assert row == {"nested": 2, "dotted": 1}


@pytest.mark.parametrize("text", ["", "[1]", "null", "{", '"x"', '{"a":1} x'])
def test_a_profile_whose_traits_are_no_object_is_shown_without_traits(
    warehouse: Warehouse, workspace: str, text: str
) -> None:
    insert(warehouse, [placed(topics.PROFILES, profile(ADAS, 1, workspace, identifiers=(ADA,), traits=text), 0)])
    found = find_profile(warehouse, workspace, ADA)
    assert found is not None
    assert found["traits"] == {}


def test_cells_of_a_query_keep_their_digits(migrated: str) -> None:
    query = "SELECT toDecimal128('12345678901234567890.12', 2) AS a, toUInt64('18446744073709551615') AS b, 'x/y' AS c"
    assert output(migrated, "sql", query, "--json") == (
        '[{"a": 12345678901234567890.12, "b": 18446744073709551615, "c": "x/y"}]\n'
    )
    assert "12345678901234567890.12" in output(migrated, "sql", query)
    assert msgspec.json.decode(output(migrated, "sql", "SELECT unhex('ff1b') AS bytes", "--json"))
