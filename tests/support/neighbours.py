"""The other users of the machine: a folder that they share with us, what they may read there, what they run."""

import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture
def square() -> Iterator[Path]:
    """A folder that every user of the machine can enter and write to, as /tmp is."""
    folder = Path(tempfile.mkdtemp(prefix="onefold-square-"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


def mode(path: Path) -> int:
    """The rights of a file or folder."""
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(folder: Path) -> list[str]:
    """What below a folder, or itself, gives other users a right."""
    return [str(path) for path in (folder, *folder.rglob("*")) if not path.is_symlink() and mode(path) & OTHERS]


def neighbour(*command: str) -> subprocess.CompletedProcess[str]:
    """A command that another user runs."""
    return subprocess.run(
        command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False
    )
