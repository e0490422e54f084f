"""One person by any identifier, over HTTP and on the command line, from the tables that the sink fills."""

import base64
import json
import re
import uuid
from collections.abc import Callable

import msgspec
import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api.identifiers import read_identifier
from api.lookups import lookup_routes
from onefold.commands.profile import profile as profile_command
from onefold.commands.sql import sql as sql_command
from schemas import topics
from schemas.records import Identifier, Membership, OpenSession
from settings import ClickHouse, Serving, Settings, Workspace
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, PHONES, insert, placed, profile, session
from warehouse.client import Warehouse
from warehouse.queries.profiles import find_profile

pytestmark = pytest.mark.stack

AWKWARD = ("a:b:c", "阿达/达", "it's", "back\\slash", "{workspace:String}", "' OR 1 = 1 --", "tab\tnew\nline", "%2F%20")
AWKWARD_IN_PATHS = AWKWARD[:-2]  # no value holds a newline, and the test client decodes percent signs twice
Client = Callable[..., TestClient]


@pytest.fixture
def person(warehouse: Warehouse, workspace: str) -> str:
    """A workspace with Ada, merged from her phone's profile, with twelve sessions of which one is open."""
    whole = profile(
        ADAS,
        6,
        workspace,
        identifiers=(ADA, PHONE, *(Identifier("external_id", value) for value in AWKWARD)),
        traits='{"plan": "pro"}',
        counters={"page": 3},
        segments=(Membership("buyers", NOW),),
        session=OpenSession("s11", NOW + 11, NOW + 12, 2, "https://shop.example/"),
        events=24,
        first_seen_at=NOW,
        last_seen_at=NOW + 12,
        decision=1,
    )
    gone = profile(PHONES, 5, workspace, merged_into=ADAS, decision=1)
    sessions = [session(f"s{at}", at, workspace, started_at=NOW + at, status="closed") for at in range(12)]
    insert(warehouse, [placed(topics.PROFILES, profile(PHONES, 4, workspace, identifiers=(PHONE,)), 0)])
    insert(warehouse, [placed(topics.PROFILES, whole, 1), placed(topics.PROFILES, gone, 2)])
    insert(warehouse, [placed(topics.SESSIONS, one, at) for at, one in enumerate(sessions)])
    return workspace


@pytest.fixture
def client(migrated: str, person: str) -> Client:
    def build(open_reads: bool = True, clickhouse: str = migrated) -> TestClient:
        known = Workspace(person, uuid.uuid4(), read_keys=("reader",))
        app = Starlette(routes=lookup_routes())
        app.state.settings = Settings(
            clickhouse=ClickHouse(clickhouse), serving=Serving(open_reads=open_reads), workspaces={person: known}
        )
        return TestClient(app)

    return build


def test_every_identifier_finds_the_same_whole_person(client: Client, person: str) -> None:
    for identifier in ("user_id:ada", "anonymous_id:phone"):
        answer = client().get(f"/v1/profiles/{identifier}", params={"workspace": person})
        assert answer.status_code == 200
        found = answer.json()
        assert (found["profile_id"], found["events"], found["traits"]) == (ADAS, 24, {"plan": "pro"})
        assert found["identifiers"][:2] == [
            {"namespace": "user_id", "value": "ada"},
            {"namespace": "anonymous_id", "value": "phone"},
        ]
        assert found["counters"] == {"page": 3}
        assert found["segments"] == [{"segment": "buyers", "entered_at": "2023-11-14T22:13:20.123Z"}]
        assert (found["first_seen_at"], found["last_seen_at"]) == (
            "2023-11-14T22:13:20.123Z",
            "2023-11-14T22:13:20.135Z",
        )
        assert found["session"]["session_id"] == "s11"
        assert found["session"]["events"] == 2
        assert [one["session_id"] for one in found["sessions"]] == [f"s{at}" for at in range(11, 1, -1)]


def test_its_id_finds_it_too(client: Client, person: str) -> None:
    by_identifier, by_id = (
        client().get(f"/v1/profiles/{asked}", params={"workspace": person}) for asked in ("user_id:ada", ADAS.upper())
    )
    assert by_id.status_code == 200
    assert by_id.json() == by_identifier.json()


def test_the_id_of_a_profile_that_was_merged_away_says_into_which(
    client: Client, migrated: str, warehouse: Warehouse, person: str
) -> None:
    earlier = "00000000-0000-5000-8000-000000000f00"
    gone = profile(earlier, 3, person, merged_into=PHONES, decision=1)
    insert(warehouse, [placed(topics.PROFILES, gone, 9)])
    for asked in (PHONES, earlier):
        found = client().get(f"/v1/profiles/{asked}", params={"workspace": person}).json()
        assert (found["profile_id"], found["forwarded_from"], found["events"]) == (ADAS, asked, 24)
        arguments = [asked, "--workspace", person]
        shown = CliRunner().invoke(profile_command, arguments, env={"ONEFOLD_CLICKHOUSE": migrated})
        assert re.search(rf"in the place of +{asked}", shown.output), shown.output
        assert ADAS in shown.output


def test_an_id_that_no_profile_has_is_not_found(
    client: Client, migrated: str, warehouse: Warehouse, person: str
) -> None:
    ended = "00000000-0000-5000-8000-0000000000ed"
    insert(warehouse, [placed(topics.PROFILES, profile(ended, 3, person, deleted=True), 9)])
    for asked in (ended, str(uuid.uuid4())):
        answer = client().get(f"/v1/profiles/{asked}", params={"workspace": person})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_profile")
        arguments = [asked, "--workspace", person]
        shown = CliRunner().invoke(profile_command, arguments, env={"ONEFOLD_CLICKHOUSE": migrated})
        assert shown.output == f"Error: workspace {person!r} has no profile with {asked}\n"


@pytest.mark.parametrize("value", AWKWARD)
def test_a_value_may_hold_any_characters(warehouse: Warehouse, person: str, value: str) -> None:
    found = find_profile(warehouse, person, read_identifier(f"external_id:{value}"))
    assert found is not None
    assert found["profile_id"] == ADAS


@pytest.mark.parametrize("value", AWKWARD_IN_PATHS)
def test_a_value_in_a_path_may_hold_them_escaped(client: Client, person: str, value: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in value.encode())
    answer = client().get(f"/v1/profiles/external_id:{escaped}", params={"workspace": person})
    assert answer.json()["profile_id"] == ADAS


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("user_id:nobody", 404, "unknown_profile", "no profile with user_id:nobody"),
        ("user_id:guest", 404, "unknown_profile", "'user_id:guest' names nobody: the rules block this value"),
        ("userid:ada", 404, "unknown_profile", "there is no namespace 'userid' (did you mean 'user_id'?)"),
        ("email:ann@", 404, "unknown_profile", "'ann@' is no email: the value is not well-formed"),
        ("user_id:a%00b", 404, "unknown_profile", "it has characters that cannot be printed"),
        ("user_id", 400, "invalid_identifier", "expected a profile id, or NAMESPACE:VALUE"),
        (":ada", 400, "invalid_identifier", "not ':ada'"),
        ("user_id:", 400, "invalid_identifier", "not 'user_id:'"),
        ("", 400, "invalid_identifier", "not ''"),
        (f"user_id:{'x' * 50_000}", 400, "invalid_identifier", "a value has at most 512 characters, not 50,000"),
        (f"{'x' * 65}:1", 400, "invalid_identifier", "a namespace has at most 64 characters, not 65"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(  # noqa: PLR0913, PLR0917 - a question and its answer
    client: Client, person: str, path: str, status: int, code: str, message: str
) -> None:
    answer = client().get(f"/v1/profiles/{path}", params={"workspace": person})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (status, code, "identifier")
    assert message in error["message"]
    assert len(error["message"]) < 1_000


@pytest.mark.parametrize("look_up", ["explain", "devices"])
def test_whoever_looks_up_evidence_hears_why_there_is_none(client: Client, person: str, look_up: str) -> None:
    answer = client().get(f"/v1/identity/{look_up}/anonymous_id:undefined", params={"workspace": person})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].endswith("names nobody: the rules block this value")
    wrong = client().get(f"/v1/identity/explain/{ADAS}", params={"workspace": person})
    assert wrong.status_code == 400
    assert "a profile id: the profile shows its identifiers" in wrong.json()["error"]["message"]


def test_an_unknown_workspace_is_not_found(client: Client) -> None:
    answer = client().get("/v1/profiles/user_id:ada", params={"workspace": "nowhere"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_workspace")


def test_reading_needs_the_workspaces_key_unless_reads_are_open(client: Client, person: str) -> None:
    closed = client(open_reads=False)

    def status(authorization: str | None, workspace: str = person) -> int:
        headers = {} if authorization is None else {"Authorization": authorization}
        return closed.get("/v1/profiles/user_id:ada", params={"workspace": workspace}, headers=headers).status_code

    basic = base64.b64encode(b"reader:").decode()
    assert [status("Bearer reader"), status(f"Basic {basic}")] == [200, 200]
    refused = [None, "Bearer other", "Bearer ", "Basic !", f"Bearer {basic}", "reader"]
    assert [status(authorization) for authorization in refused] == [401] * len(refused)
    assert status("Bearer reader", "nowhere") == 401


def test_a_clickhouse_that_is_away_is_a_503_with_retry_after(client: Client, person: str) -> None:
    answer = client(clickhouse="http://127.0.0.1:1").get("/v1/profiles/user_id:ada", params={"workspace": person})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_the_command_shows_the_person_as_text_and_as_json(migrated: str, warehouse: Warehouse, person: str) -> None:
    arguments = ["user_id:ada", "--workspace", person]
    shown = CliRunner().invoke(profile_command, arguments, env={"ONEFOLD_CLICKHOUSE": migrated})
    assert shown.exit_code == 0
    for text in (ADAS, "anonymous_id", "phone", "plan", "pro", "buyers", "2 events since"):
        assert text in shown.output
    as_json = CliRunner().invoke(profile_command, [*arguments, "--json"], env={"ONEFOLD_CLICKHOUSE": migrated})
    assert json.loads(as_json.output) == json.loads(msgspec.json.encode(find_profile(warehouse, person, ADA)))


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
