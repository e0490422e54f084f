"""How a command in another shell finds the stack of a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.errors import StackError
from embedded.layout import Layout
from embedded.locks import FileLock
from embedded.running import Addresses, RunningStack, find_running, running_environment, write_running

ADDRESSES = Addresses("kafka", "registry", "clickhouse", "http", "api", "worker", "sink", "rebuilder", "deliverer")
RUNNING = RunningStack(os.getpid(), ADDRESSES, {"ONEFOLD_KAFKA": "here:1", "ONEFOLD_HTTP_PORT": "2"}, {"kafka": 3})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with the file of a stack."""
    write_running(Layout(tmp_path), RUNNING)
    return tmp_path


@pytest.fixture
def held(folder: Path) -> Iterator[Path]:
    """A data folder whose stack runs."""
    lock = FileLock(Layout(folder).lock)
    assert lock.try_acquire()
    yield folder
    lock.release()


def test_a_running_stack_is_found(held: Path) -> None:
    assert find_running(held) == RUNNING


def test_the_file_of_a_dead_stack_does_not_count(folder: Path) -> None:
    assert find_running(folder) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"environment": {"\xff": "x"}}'])
def test_a_file_that_no_stack_has_written_does_not_count(held: Path, content: bytes) -> None:
    Layout(held).stack_file.write_bytes(content)
    assert find_running(held) is None


def test_a_folder_without_a_stack_has_none(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_named_rules_over_the_environment(held: Path) -> None:
    environment = running_environment(held, {"ONEFOLD_KAFKA": "elsewhere:9", "HOME": "/x"})
    assert environment == {"ONEFOLD_KAFKA": "here:1", "ONEFOLD_HTTP_PORT": "2", "HOME": "/x"}


def test_a_folder_that_is_named_must_have_a_stack(folder: Path) -> None:
    with pytest.raises(StackError, match=r"no stack is running on .*onefold up --data-dir"):
        running_environment(folder, {})


def test_the_stack_that_runs_here_fills_in_what_the_environment_leaves_open(held: Path) -> None:
    given = {"ONEFOLD_DATA_DIR": str(held), "ONEFOLD_KAFKA": "elsewhere:9"}
    assert running_environment(None, given) == given | {"ONEFOLD_HTTP_PORT": "2"}


def test_another_clickhouse_is_not_shown_the_password_of_the_stack(tmp_path: Path) -> None:
    known = {
        "ONEFOLD_CLICKHOUSE": "http://here:1",
        "ONEFOLD_CLICKHOUSE_PASSWORD_FILE": "/here",
        "ONEFOLD_KAFKA": "here:2",
    }
    write_running(Layout(tmp_path), RunningStack(os.getpid(), ADDRESSES, known, {}))
    lock = FileLock(Layout(tmp_path).lock)
    assert lock.try_acquire()
    given = {"ONEFOLD_DATA_DIR": str(tmp_path), "ONEFOLD_CLICKHOUSE": "https://elsewhere:1"}
    assert running_environment(None, given) == given | {"ONEFOLD_KAFKA": "here:2"}
    lock.release()


def test_without_a_stack_the_environment_stands_alone(tmp_path: Path) -> None:
    given = {"ONEFOLD_DATA_DIR": str(tmp_path), "ONEFOLD_KAFKA": "elsewhere:9"}
    assert running_environment(None, given) == given
