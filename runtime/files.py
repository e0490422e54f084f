"""Writes and reads files that only their owner may read."""

import os
import stat
from pathlib import Path

_MODE = 0o600


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 all at once: whoever is killed in the midst leaves the file as it was."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), _MODE)
        file.write(text)
    partial.replace(path)


def read_private(path: Path) -> str:
    """Return the text of a file that holds a secret, without its last line break.

    Its owner alone may read it; where that is not this process's user, such as root who hands it to a container, their
    group may, too. Raises ValueError where others may read it, nobody can tell what it is, or it is empty; OSError.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        closed = stat.S_IRWXO | (stat.S_IRWXG if status.st_uid == os.geteuid() else stat.S_IWGRP)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & closed:
            raise ValueError(f"a file with a password must be its owner's alone: chmod 600 {path}")
        text = file.read().decode("utf-8", "replace").rstrip("\r\n")
    if not text:
        raise ValueError(f"the file with the password is empty: {path}")
    return text
