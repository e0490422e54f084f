"""The workspaces of the local stack: two known write keys, secrets of its own, kept from start to start."""

import stat
from pathlib import Path

import pytest

from embedded.workspaces import write_local_workspaces
from settings import Clock, Source, read_workspaces


def test_the_default_file_has_the_two_workspaces_of_the_embedded_stack(tmp_path: Path) -> None:
    write_local_workspaces(tmp_path / "onefold.yaml", "wall")
    written = read_workspaces(tmp_path / "onefold.yaml")

    assert {name: (workspace.clock, workspace.sources) for name, workspace in written.items()} == {
        "main": ("wall", (Source("dev", "dev", local_only=True),)),
        "cdnow": ("event", (Source("cdnow", "cdnow", local_only=True),)),
    }


def test_every_installation_has_its_own_secrets_and_keeps_them_to_its_owner(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    write_local_workspaces(one, "wall")
    write_local_workspaces(other, "wall")
    workspaces = [workspace for path in (one, other) for workspace in read_workspaces(path).values()]

    assert len({workspace.namespace for workspace in workspaces}) == 4
    assert len({key for workspace in workspaces for key in (*workspace.read_keys, *workspace.admin_keys)}) == 8
    assert stat.S_IMODE(one.stat().st_mode) == 0o600


@pytest.mark.parametrize("clock", ["wall", "event"])
def test_a_second_start_changes_the_clock_of_main_and_nothing_else(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "onefold.yaml"
    write_local_workspaces(path, "wall")
    before = read_workspaces(path)
    write_local_workspaces(path, clock)
    after = read_workspaces(path)

    assert after["main"].clock == clock
    assert after["main"].namespace == before["main"].namespace
    assert after["cdnow"] == before["cdnow"]


def test_a_file_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    text = "workspaces: [{name: mine, namespace: 6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01}]"
    path = tmp_path / "onefold.yaml"
    path.write_text(text, encoding="utf-8")
    write_local_workspaces(path, "wall")

    assert path.read_text(encoding="utf-8") == text
