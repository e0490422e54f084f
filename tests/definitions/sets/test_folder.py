"""A folder as it becomes a set: its files and what they mean are one."""

from pathlib import Path
from typing import Any

import pytest

from definitions import load
from definitions.sets import next_set
from definitions.sets.folder import Collision, collision, read_draft, write_files

SEGMENT = "segment: buyers\nwhen: {{event: Buy, within: {hours}h}}\n"


def written(folder: Path, hours: int) -> Path:
    file = folder / "segments" / "buyers.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(SEGMENT.format(hours=hours).encode())
    return file


def test_an_editor_that_saves_meanwhile_makes_no_set_whose_files_say_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, saved, opened = written(tmp_path / "edited", 1), 1, Path.open

    def save_and_open(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        nonlocal saved
        if path == file and mode.startswith("r"):
            saved += 1
            with opened(file, "wb") as editor:
                editor.write(SEGMENT.format(hours=saved).encode())
        return opened(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", save_and_open)
    draft = read_draft(tmp_path / "edited")
    monkeypatch.undo()
    write_files(next_set(None, draft.definitions, draft.files, 0, ""), tmp_path / "published")
    assert saved > 1
    assert load(tmp_path / "published").segments == draft.definitions.segments


def test_a_set_has_the_files_of_the_folder_as_they_are_but_not_the_rules_of_identity(tmp_path: Path) -> None:
    written(tmp_path, 1)
    (tmp_path / "identity.yaml").write_text("region: CN\n")
    (tmp_path / "README.md").write_text("notes")
    assert read_draft(tmp_path).files == {"segments/buyers.yaml": SEGMENT.format(hours=1)}


def test_a_folder_of_others_is_told_file_by_file_before_a_set_is_written_into_it(tmp_path: Path) -> None:
    written(tmp_path / "first", 1)
    draft = read_draft(tmp_path / "first")
    of = next_set(None, draft.definitions, draft.files, 0, "")
    mine = tmp_path / "mine"
    assert collision(of, mine) == Collision()
    write_files(of, mine)
    (mine / "identity.yaml").write_text("region: CN\n")
    (mine / "README.md").write_text("notes")
    (mine / ".git").mkdir()
    assert collision(of, mine) == Collision()
    written(mine, 2)
    (mine / "traits").mkdir()
    (mine / "traits" / "plan.yaml").write_text("what is wrong is kept as well")
    assert collision(of, mine) == Collision(("segments/buyers.yaml",), ("traits/plan.yaml",))
