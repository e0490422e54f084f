"""A folder as it would become a set: the checked model, and the files that say so. The rules of identity stay out."""

from pathlib import Path

import msgspec

from definitions.model import Definitions
from definitions.reading.folder import files_in, load_with_texts
from definitions.sets.model import DefinitionSet

_IDENTITY = "identity.yaml"


class Draft(msgspec.Struct, frozen=True):
    """What a folder defines. `files`: by path within the folder."""

    definitions: Definitions
    files: dict[str, str]

    def is_of(self, published: DefinitionSet | None) -> bool:
        """Return whether a set says the same already, file by file."""
        return published is not None and published.files == self.files


def read_draft(folder: Path) -> Draft:
    """Read a folder, each file once: its files are what was checked. Raises DefinitionErrors with every mistake."""
    definitions, texts = load_with_texts(folder)
    files = {path.relative_to(folder).as_posix(): text for path, text in texts.items()}
    files.pop(_IDENTITY, None)
    return Draft(definitions, files)


class Collision(msgspec.Struct, frozen=True):
    """What is in a folder that a set is to be written into, by path within the folder.

    `replaced`: files of the set that say something else there. `left`: files that the set does not have; with them the
    folder defines something else than the set.
    """

    replaced: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def collision(published: DefinitionSet, folder: Path) -> Collision:
    """Return what of a folder is not as in a set. Raises OSError."""
    texts = {file.relative_to(folder).as_posix(): file for file in files_in(folder)}
    return Collision(
        tuple(name for name in texts if name in published.files and not _says(texts[name], published.files[name])),
        tuple(name for name in texts if name not in published.files),
    )


def _says(file: Path, text: str) -> bool:
    return file.is_file() and file.read_bytes() == text.encode()


def write_files(published: DefinitionSet, folder: Path) -> None:
    """Write the files of a set into a folder, as they were when it was applied."""
    for name, text in published.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
