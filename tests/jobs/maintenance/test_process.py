"""Maintenance as it is run: once by hand, and as a process every so often."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedded.stack import Stack
from tests.jobs.maintenance.processes import maintenance_process
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("migrated")]
STEPS = "onefold_maintenance_steps_total"


def run_once(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "onefold", "maintenance", *arguments]
    return subprocess.run(command, env=dict(stack.environment), capture_output=True, text=True, check=False)


def test_by_hand_it_runs_once_and_says_what_each_step_did(stack: Stack) -> None:
    done = run_once(stack)
    assert (done.returncode, done.stderr) == (0, "")
    steps = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert steps == ["squash", "roll-up", "retention", "merge"]


def test_a_dry_run_says_what_would_be_dropped(stack: Stack) -> None:
    done = run_once(stack, "--dry-run")
    assert (done.returncode, done.stdout) == (0, "retention: nothing is older than it is kept\n")
    assert run_once(stack, "--dry-run", "--every=6h").returncode == 2


def test_a_period_that_is_none_is_refused(stack: Stack) -> None:
    for period in ("6", "0h", "-1h", "hourly"):
        refused = run_once(stack, f"--every={period}")
        assert refused.returncode == 2
        assert "such as 30m or 6h" in refused.stderr


def test_as_a_process_it_goes_on_and_says_that_it_is_ready(stack: Stack, tmp_path: Path) -> None:
    with maintenance_process(stack, tmp_path, every_s=1) as maintenance:
        maintenance.wait_until_ready()
        wait_until(lambda: maintenance.metric(STEPS) >= 2, "two times")
        assert "squash: " in maintenance.output
        assert maintenance.terminate() == 0


def test_it_is_not_ready_without_clickhouse(stack: Stack, tmp_path: Path) -> None:
    with maintenance_process(stack, tmp_path, ONEFOLD_CLICKHOUSE="http://127.0.0.1:9") as maintenance:
        wait_until(lambda: maintenance.status("/health/live") == 200, "the endpoint")
        assert maintenance.status("/health/ready") == 503
        assert maintenance.terminate() == 0
