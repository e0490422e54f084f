"""The commands and calls of the chapter on explaining run on its story, and answer what it shows."""

import json
import re
import shlex
import uuid

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api.lookups import lookup_routes
from onefold.cli import onefold
from settings import ClickHouse, Settings, Workspace
from tests.guide.chapter import blocks, text
from tests.sinks.history import FAMILY_RULES

pytestmark = pytest.mark.stack

COMMANDS = [block for block in blocks("explaining", "sh") if block.text.startswith("onefold ")]
RULES_SHOWN = "8bb146ae5acf"  # of the day on which the guide was written
CALLS = re.findall(r'^curl -u "\$ONEFOLD_READ_KEY:" http://127.0.0.1:8090(\S+)$', text("explaining"), re.MULTILINE)


def test_every_command_answers_as_shown(migrated: str, family_workspace: str) -> None:
    shown = [block for block in COMMANDS if block.answer]
    assert len(shown) == 7
    for block in shown:
        command = shlex.split(block.text)[1:]
        arguments = [*command, "--workspace", family_workspace]
        answer = CliRunner().invoke(onefold, arguments, env={"ONEFOLD_CLICKHOUSE": migrated})
        assert answer.exit_code == int(block.answer.startswith("Error: ")), command
        output = answer.output.replace(family_workspace, "main").replace(FAMILY_RULES.version, RULES_SHOWN)
        if block.answer_kind == "json":
            assert json.loads(output) == json.loads(block.answer), command
        else:
            assert output.rstrip() == block.answer.rstrip(), command


def test_every_query_runs(migrated: str, family_workspace: str) -> None:
    assert family_workspace
    bare = [shlex.split(block.text)[1:] for block in COMMANDS if not block.answer]
    assert bare
    for command in bare:
        answer = CliRunner().invoke(onefold, command, env={"ONEFOLD_CLICKHOUSE": migrated})
        assert answer.exit_code == 0, answer.output


def test_every_call_answers_to_the_read_key(migrated: str, family_workspace: str) -> None:
    app = Starlette(routes=lookup_routes())
    known = Workspace(family_workspace, uuid.uuid4(), read_keys=("READ_KEY",))
    app.state.settings = Settings(clickhouse=ClickHouse(migrated), workspaces={family_workspace: known})
    assert len(CALLS) == 4
    for call in CALLS:
        answer = TestClient(app).get(
            call.partition("?")[0], params={"workspace": family_workspace}, auth=("READ_KEY", "")
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["workspace"] == family_workspace
