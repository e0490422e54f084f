"""Writes files that only their owner may read."""

import os
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
