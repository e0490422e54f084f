"""What `onefold profile` shows of a person."""

import json

import msgspec
import pytest
from click.testing import CliRunner

from onefold.commands.profile import profile as profile_command
from tests.sinks.examples import ADA, ADAS
from warehouse.client import Warehouse
from warehouse.queries.profiles import find_profile

pytestmark = pytest.mark.stack


def test_the_command_shows_the_person_as_text_and_as_json(migrated: str, warehouse: Warehouse, person: str) -> None:
    arguments = ["user_id:ada", "--workspace", person]
    shown = CliRunner().invoke(profile_command, arguments, env={"ONEFOLD_CLICKHOUSE": migrated})
    assert shown.exit_code == 0
    for text in (ADAS, "anonymous_id", "phone", "plan", "pro", "buyers", "2 events since"):
        assert text in shown.output
    as_json = CliRunner().invoke(profile_command, [*arguments, "--json"], env={"ONEFOLD_CLICKHOUSE": migrated})
    assert json.loads(as_json.output) == json.loads(msgspec.json.encode(find_profile(warehouse, person, ADA)))
