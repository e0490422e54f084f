"""What the other users of the machine cannot do: read what a stack keeps, change what it runs, or pose as it."""

import os
from pathlib import Path

import pytest

from embedded.errors import StackError
from embedded.fetch import prepare_cache
from embedded.layout import Layout
from embedded.locks import FileLock
from embedded.preflight import prepare_data_dir
from embedded.private import private_file
from embedded.process import Reaper, StackProcess
from embedded.running import Addresses, RunningStack, find_running, running_environment, write_running
from embedded.steps import ProcessSpec
from tests.embedded.specs import failing
from tests.support.neighbours import NOBODY, mode, neighbour, open_to_others

RUNNING = RunningStack(os.getpid(), Addresses(*["x"] * 9), {"ONEFOLD_KAFKA": "neighbour:1"}, {})

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def test_a_new_data_folder_is_closed_and_an_existing_one_is_made_so(square: Path) -> None:
    (square / "old").mkdir(mode=0o777)
    (square / "old").chmod(0o777)
    for name in ("new", "old"):
        prepare_data_dir(Layout(square / name)).release()
        assert open_to_others(square / name) == []


def test_a_data_folder_behind_a_link_of_ones_own_is_fine(square: Path) -> None:
    (square / "disk").mkdir()
    (square / "link").symlink_to(square / "disk")
    prepare_data_dir(Layout(square / "link")).release()
    assert open_to_others(square / "disk") == []


@as_root
def test_a_data_folder_of_another_user_is_refused(square: Path) -> None:
    assert neighbour("mkdir", str(square / "planted")).returncode == 0
    with pytest.raises(StackError, match="belongs to another user"):
        prepare_data_dir(Layout(square / "planted"))


@as_root
def test_a_link_of_ones_own_to_the_folder_of_another_user_is_refused(square: Path) -> None:
    assert neighbour("mkdir", str(square / "theirs")).returncode == 0
    (square / "link").symlink_to(square / "theirs")
    with pytest.raises(StackError, match="belongs to another user"):
        prepare_data_dir(Layout(square / "link"))


@as_root
def test_a_link_that_another_user_planted_is_refused(square: Path) -> None:
    mine = square / "mine"
    mine.mkdir()
    assert neighbour("ln", "-s", str(mine), str(square / "planted")).returncode == 0
    with pytest.raises(StackError, match="belongs to another user"):
        prepare_data_dir(Layout(square / "planted"))
    assert list(mine.iterdir()) == []


@as_root
def test_a_stack_that_another_user_pretends_to_run_is_not_found(square: Path) -> None:
    layout = Layout(square / "planted")
    layout.data_dir.mkdir()
    write_running(layout, RUNNING)
    lock = FileLock(layout.lock)
    assert lock.try_acquire()
    try:
        assert find_running(layout.data_dir) == RUNNING
        for path in (layout.stack_file, layout.data_dir):
            os.chown(path, NOBODY, NOBODY)
            assert find_running(layout.data_dir) is None
        assert "ONEFOLD_KAFKA" not in running_environment(None, {"ONEFOLD_DATA_DIR": str(layout.data_dir)})
        with pytest.raises(StackError, match="belongs to another user"):
            running_environment(layout.data_dir, {})
    finally:
        lock.release()


def test_a_file_is_never_written_through_a_link_and_an_old_one_is_closed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "stack.partial").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        write_running(Layout(tmp_path), RUNNING)
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StackError, match="cannot write to the data folder"):
        prepare_data_dir(Layout(tmp_path))
    assert (tmp_path / "precious").read_text() == "kept"
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "old").touch(0o644)
    with open(tmp_path / "old", "wb", opener=private_file):
        assert mode(tmp_path / "old") == 0o600


def test_what_a_part_makes_is_closed_to_others(tmp_path: Path) -> None:
    reaper = Reaper()
    made = tmp_path / "made"
    made.mkdir(mode=0o700)
    code = f"import pathlib; pathlib.Path({str(made)!r}, 'file').touch(); pathlib.Path({str(made)!r}, 'folder').mkdir()"
    process = StackProcess(failing("maker", code), tmp_path / "maker.log", reaper)
    before = os.umask(0)
    try:
        process.start()
        assert process.wait(30)
    finally:
        os.umask(before)
        reaper.close()
    assert len(list(made.iterdir())) == 2
    assert open_to_others(made) == []
    assert mode(process.log) == 0o600


def test_the_end_of_a_log_is_shown_without_its_control_characters(tmp_path: Path) -> None:
    reaper = Reaper()
    spec: ProcessSpec = failing("loud", r"import sys; sys.stdout.write('\x1b[2Jone\rtwo\n\x9b31m three\u2028four\n')")
    process = StackProcess(spec, tmp_path / "loud.log", reaper)
    try:
        process.start()
        assert process.wait(30)
    finally:
        reaper.close()
    said = str(process.failure("ended"))
    assert said.replace("\n", "").isprintable()
    assert "\\x1b[2Jone" in said
    assert "three" in said


def test_a_new_cache_is_closed_and_one_that_nobody_else_can_change_is_taken(square: Path) -> None:
    prepare_cache(square / "deep" / "new")
    assert mode(square / "deep" / "new") == 0o700
    (square / "readable").mkdir()
    (square / "readable" / "thing.jar").touch(0o644)
    (square / "readable").chmod(0o755)
    (square / "readable" / "link").symlink_to("thing.jar")
    prepare_cache(square / "readable")
    (square / "readable" / "thing.jar").chmod(0o666)
    (square / "readable").chmod(0o700)
    prepare_cache(square / "readable")


@pytest.mark.parametrize("open_one", ["", "org", "org/thing.jar"])
@pytest.mark.parametrize("right", [0o020, 0o002])
def test_a_cache_that_others_can_change_is_refused(square: Path, open_one: str, right: int) -> None:
    cache = square / "cache"
    (cache / "org").mkdir(parents=True)
    (cache / "org" / "thing.jar").touch()
    cache.chmod(0o755)
    prepare_cache(cache)
    (cache / open_one).chmod(mode(cache / open_one) | right)
    with pytest.raises(StackError, match=r"other users may change .*cache.*ONEFOLD_CACHE"):
        prepare_cache(cache)


@as_root
@pytest.mark.parametrize("owned", ["", "thing.jar", "link"])
def test_a_cache_with_something_of_another_user_is_refused(square: Path, owned: str) -> None:
    cache = square / "cache"
    cache.mkdir()
    (cache / "thing.jar").touch()
    (cache / "link").symlink_to("thing.jar")
    os.chown(cache / owned, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(StackError, match="other users may change"):
        prepare_cache(cache)
