"""Files for their owner's eyes."""

import stat
from pathlib import Path

from runtime.files import write_private


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
