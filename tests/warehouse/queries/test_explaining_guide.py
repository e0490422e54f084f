"""The guide's commands run on the guide's story, and answer what the guide shows."""

import json
import re
import shlex
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api.lookups import lookup_routes
from onefold.cli import onefold
from settings import Settings, Workspace
from tests.sinks.history import FAMILY_RULES, family
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

GUIDE = (Path(__file__).parents[3] / "docs" / "guide" / "explaining.md").read_text()
SHOWN = re.findall(r"^```sh\nonefold (.*?)\n```\n\n```(text|json)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
BARE = re.findall(r"^```sh\nonefold (.*?)\n```\n\n(?!```)", GUIDE, re.MULTILINE)
RULES_SHOWN = "8bb146ae5acf"  # of the day on which the guide was written
CALLS = re.findall(r'^curl -u "\$ONEFOLD_READ_KEY:" http://127.0.0.1:8090(\S+)$', GUIDE, re.MULTILINE)


@pytest.fixture
def told(warehouse: Warehouse, workspace: str) -> str:
    """A workspace with the guide's story."""
    family(workspace).write(warehouse)
    return workspace


def test_every_command_answers_as_shown(migrated: str, told: str) -> None:
    assert len(SHOWN) == 7
    for command, kind, shown in SHOWN:
        arguments = [*shlex.split(command), "--workspace", told]
        answer = CliRunner().invoke(onefold, arguments, env={"ONEFOLD_CLICKHOUSE": migrated})
        assert answer.exit_code == int(shown.startswith("Error: ")), command
        output = answer.output.replace(told, "main").replace(FAMILY_RULES.version, RULES_SHOWN)
        if kind == "json":
            assert json.loads(output) == json.loads(shown), command
        else:
            assert output.rstrip() == shown.rstrip(), command


def test_every_query_runs(migrated: str, told: str) -> None:
    assert told
    assert BARE
    for command in BARE:
        answer = CliRunner().invoke(onefold, shlex.split(command), env={"ONEFOLD_CLICKHOUSE": migrated})
        assert answer.exit_code == 0, answer.output


def test_every_call_answers_to_the_read_key(migrated: str, told: str) -> None:
    app = Starlette(routes=lookup_routes())
    known = Workspace(told, uuid.uuid4(), read_keys=("READ_KEY",))
    app.state.settings = Settings(clickhouse=migrated, workspaces={told: known})
    assert len(CALLS) == 4
    for call in CALLS:
        answer = TestClient(app).get(call.partition("?")[0], params={"workspace": told}, auth=("READ_KEY", ""))
        assert answer.status_code == 200, answer.text
        assert answer.json()["workspace"] == told
