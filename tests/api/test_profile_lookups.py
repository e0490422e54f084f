"""One person by any identifier, over HTTP, from the tables that the sink fills."""

import re
import uuid

import pytest
from click.testing import CliRunner

from onefold.commands.profile import profile as profile_command
from schemas import topics
from tests.api.conftest import Client
from tests.sinks.examples import ADAS, PHONES, insert, placed, profile
from tests.support.people import AWKWARD
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

AWKWARD_IN_PATHS = AWKWARD[:-2]  # no value holds a newline, and the test client decodes percent signs twice


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
        assert re.search(rf"in place of +{asked}", shown.output), shown.output
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
