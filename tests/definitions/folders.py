"""Folders of definitions on disk, and what is wrong with them."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from definitions import DefinitionErrors, Definitions, load

Files = Mapping[str, str | bytes]


def write(folder: Path, files: Files) -> Path:
    """Write files by their path within the folder; texts may be indented."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
    return folder


def load_segment(folder: Path, text: str) -> Definitions:
    return load(write(folder, {"segments/s.yaml": text}))


def errors_of(folder: Path, files: Files) -> list[str]:
    """One line for each problem, with paths from within the folder."""
    write(folder, files)
    with pytest.raises(DefinitionErrors) as raised:
        load(folder)
    lines = str(raised.value).split("\n")
    assert lines == [str(error) for error in raised.value.errors]
    return [line.removeprefix(f"{folder}/") for line in lines]
