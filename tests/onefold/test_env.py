"""`onefold env` as a shell reads it: what it exports opens what it names, and without a stack there is nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.stack import Stack

pytestmark = pytest.mark.stack


def printed(data_dir: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "onefold", "env", "--data-dir", str(data_dir), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_shell_that_reads_it_asks_clickhouse_in_one_line(stack: Stack) -> None:
    script = f"""eval "$({sys.executable} -m onefold env --data-dir '{stack.options.data_dir}')"
        curl -s "$ONEFOLD_CLICKHOUSE" -d 'SELECT 6 * 7'
        curl -s -u "$CLICKHOUSE_USER:$CLICKHOUSE_PASSWORD" "${{ONEFOLD_CLICKHOUSE#*@}}" -d 'SELECT 6 * 8'"""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("ONEFOLD_", "CLICKHOUSE_"))}
    ran = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=False, timeout=60, env=plain)
    assert (ran.stdout, ran.stderr) == ("42\n48\n", "")


def test_it_tells_the_keys_of_the_workspace_that_is_asked_for(stack: Stack) -> None:
    main, cdnow = (
        json.loads(printed(stack.options.data_dir, "--json", "--workspace", name).stdout) for name in ("main", "cdnow")
    )
    known = stack.settings.workspaces
    assert (main["ONEFOLD_WRITE_KEY"], cdnow["ONEFOLD_WRITE_KEY"]) == ("dev", "cdnow")
    assert main["ONEFOLD_ADMIN_KEY"] in known["main"].admin_keys
    assert cdnow["ONEFOLD_READ_KEY"] in known["cdnow"].read_keys
    assert main["ONEFOLD_CLICKHOUSE"] == stack.addresses.clickhouse


def test_a_workspace_that_is_not_there_is_one_line(stack: Stack) -> None:
    ended = printed(stack.options.data_dir, "--workspace", "nowhere")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "there is no workspace 'nowhere'; there are: cdnow, main" in ended.stderr


def test_without_a_stack_nothing_is_exported(tmp_path: Path) -> None:
    ended = printed(tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: no stack is running on")
    assert "Traceback" not in ended.stderr
