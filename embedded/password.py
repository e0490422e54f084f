"""The password of the local ClickHouse: made at the first start, kept in a file that only its owner reads."""

import os
from pathlib import Path

from embedded.errors import StackError
from settings import random_key


def kept_password(path: Path) -> str:
    """The password in `path`, made at random when there is none yet. Raises StackError when it cannot be used."""
    try:
        if not path.exists():
            _write(path, random_key())
        path.chmod(0o600)
        password = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"the password file {path} cannot be used: {error}") from error
    if not password.isalnum():
        raise StackError(f"{path} must hold a password of letters and digits: remove it, and the next start makes one")
    return password


def _write(path: Path, password: str) -> None:
    """All at once, so that a start that is killed leaves no half of a password."""
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{password}\n")
    partial.replace(path)
