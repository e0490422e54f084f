"""Room for users: under a row policy by workspace on every table, each view shows what that workspace has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.tables import TABLES

ROOT = Path(__file__).parents[2]
POLICIES = "".join(f"<{table}><filter>workspace = 'a'</filter></{table}>" for table in TABLES)
# A policy of a user is a filter of the database; the engine makes no users, and takes those of its configuration.
CONFIG = f"""
<clickhouse>
  <users><default>
    <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <databases><onefold>{POLICIES}</onefold></databases>
  </default></users>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <user_directories><users_xml><path>config.xml</path></users_xml></user_directories>
</clickhouse>
"""


def shown(folder: Path, config: str) -> dict[str, list[dict[str, object]]]:
    """What the views show in an engine with a configuration."""
    folder.mkdir()
    if config:
        (folder / "config.xml").write_text(config)
    command = [sys.executable, "-m", "tests.warehouse.policies"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    answer: dict[str, list[dict[str, object]]] = json.loads(ended.stdout)
    return answer


@pytest.mark.stack
def test_every_view_shows_a_workspace_what_it_has_and_nothing_else(tmp_path: Path) -> None:
    of_all, of_one = shown(tmp_path / "all", ""), shown(tmp_path / "one", CONFIG)
    assert all(rows for rows in of_one.values())
    assert len(of_all.pop("current_overrides")) == 2 * len(of_one.pop("current_overrides"))
    for view, rows in of_one.items():
        assert rows == [row for row in of_all[view] if row["workspace"] == "a"], view
        assert len(of_all[view]) > len(rows), view
