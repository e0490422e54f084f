"""Files for their owner's eyes."""

import os
import stat
from pathlib import Path

import pytest

from runtime.files import read_private, write_private


def test_a_file_is_its_owners_alone_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / "secret.partial").write_text("left by one that was killed")
    write_private(path, "n\u00e9w")
    assert path.read_text(encoding="utf-8") == "n\u00e9w"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_written_where_a_link_leads(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (tmp_path / "secret.partial").symlink_to(elsewhere)
    write_private(tmp_path / "secret", "new")
    assert elsewhere.read_text() == "kept"


@pytest.mark.parametrize(
    ("mode", "is_read"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False), (0o622, False)]
)
def test_a_secret_is_read_where_it_is_its_owners_alone(tmp_path: Path, mode: int, is_read: bool) -> None:
    path = tmp_path / "secret"
    path.write_text("two words \n\n")
    path.chmod(mode)
    if is_read:
        assert read_private(path) == "two words "
    else:
        with pytest.raises(ValueError, match=f"chmod 600 {path}"):
            read_private(path)


def test_the_group_may_read_what_another_user_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    path.chmod(0o640)
    assert read_private(path) == "x"
    path.chmod(0o660)
    with pytest.raises(ValueError, match="chmod 600"):
        read_private(path)


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", "\n")
    with pytest.raises(ValueError, match="is empty"):
        read_private(tmp_path / "secret")
