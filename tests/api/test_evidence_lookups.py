"""Why identifiers are one person, devices, and what waits for a review, over HTTP."""

import json
import uuid

import pytest
from click.testing import CliRunner

from onefold.cli import onefold
from tests.api.conftest import Client

pytestmark = pytest.mark.stack


def test_the_api_answers_as_the_commands_do(client: Client, migrated: str, family_workspace: str) -> None:
    for path, command in (
        ("explain/user_id:ada", ("explain", "identity", "user_id:ada")),
        ("devices", ("identity", "devices")),
        ("devices?shared=true", ("identity", "devices", "--shared")),
        ("devices/anonymous_id:tablet", ("identity", "devices", "anonymous_id:tablet")),
        ("quarantine", ("identity", "quarantine", "list")),
    ):
        separator = "&" if "?" in path else "?"
        answer = client().get(f"/v1/identity/{path}{separator}workspace={family_workspace}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        arguments = [*command, "--workspace", family_workspace, "--json"]
        said = CliRunner().invoke(onefold, arguments, env={"ONEFOLD_CLICKHOUSE": migrated})
        assert answer.json() == json.loads(said.output)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("explain/user_id:nobody", 404, "unknown_identity"),
        ("explain/user_id", 400, "invalid_identifier"),
        ("devices/cookie:never", 404, "unknown_device"),
        ("devices/user_id:ada", 400, "invalid_identifier"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(
    client: Client, family_workspace: str, path: str, status: int, code: str
) -> None:
    answer = client().get(f"/v1/identity/{path}", params={"workspace": family_workspace})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("look_up", ["explain", "devices"])
def test_whoever_looks_up_evidence_hears_why_there_is_none(client: Client, workspace: str, look_up: str) -> None:
    answer = client().get(f"/v1/identity/{look_up}/anonymous_id:undefined", params={"workspace": workspace})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].endswith("names nobody: the rules block this value")
    wrong = client().get(f"/v1/identity/explain/{uuid.uuid4()}", params={"workspace": workspace})
    assert wrong.status_code == 400
    assert "a profile id: the profile shows its identifiers" in wrong.json()["error"]["message"]
