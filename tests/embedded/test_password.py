"""The password of the local ClickHouse: random, kept from start to start, for its owner's eyes."""

import stat
from pathlib import Path

import pytest

from embedded.errors import StackError
from embedded.password import kept_password


def test_every_folder_has_a_password_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    password = kept_password(one)
    assert len(password) >= 32
    assert kept_password(one) == password
    assert kept_password(other) != password
    assert stat.S_IMODE(one.stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_closed(tmp_path: Path) -> None:
    kept_password(tmp_path / "one")
    (tmp_path / "one").chmod(0o644)
    kept_password(tmp_path / "one")
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a:b@c", b"\xff\xfe"])
def test_a_file_without_a_usable_password_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clickhouse.password"
    path.write_bytes(content)
    with pytest.raises(StackError, match=r"clickhouse\.password"):
        kept_password(path)
