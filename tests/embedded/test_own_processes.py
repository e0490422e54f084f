"""Onefold's own processes as the stack starts them, wherever somebody types `onefold up`."""

import subprocess
from pathlib import Path

import pytest

from embedded.layout import Layout, Ports
from embedded.own_processes import clickhouse_process, environment, onefold_processes

PARTS = ("clickhouse", "collector", "api", "worker", "sink", "rebuilder", "deliverer")
PACKAGES = ("embedded", "collectors", "streams", "sinks", "jobs", "settings")


@pytest.mark.parametrize("name", PARTS)
def test_modules_that_lie_where_the_stack_is_started_are_not_taken_for_ours(tmp_path: Path, name: str) -> None:
    """In a folder that others may write, such as one for temporary files, their code would run as the stack's owner."""
    marker = tmp_path / "ran"
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(f"open({str(marker)!r}, 'w')\nraise SystemExit(3)\n")
    known = environment(Layout(tmp_path / "data"), Ports.free(), tmp_path / "nowhere", {"PATH": "/usr/bin:/bin"})
    specs = {
        spec.name: spec
        for spec in (clickhouse_process(Layout(tmp_path / "data"), 1, known), *onefold_processes(Ports.free(), known))
    }
    command = [*specs[name].command, "--port", "nonsense"]  # which none of them takes: each ends before it begins
    ended = subprocess.run(
        command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"} | known, capture_output=True, check=False, timeout=120
    )
    assert ended.returncode not in {0, 3}, ended.stderr
    assert not marker.exists()
