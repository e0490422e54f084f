"""The password of the local ClickHouse: in a file that only its owner reads, as a command line is seen by everybody."""

import os
import stat
from pathlib import Path

from embedded.errors import StackError
from runtime.files import write_private
from settings import random_key


def kept_password(path: Path) -> str:
    """Return the password in `path`, a random one if there is none yet. Raises StackError when it cannot be used."""
    try:
        if not path.exists():
            write_private(path, f"{random_key()}\n")
        path.chmod(0o600)
        password = read_password(path)
    except (OSError, ValueError) as error:
        raise StackError(f"the password file {path} cannot be used: {error}") from error
    if not (password.isascii() and password.isalnum()):
        raise StackError(f"{path} must hold a password of letters and digits: remove it, and the next start makes one")
    return password


def read_password(path: Path) -> str:
    """Return the file's text without its last line break. Raises ValueError when others may read it or it is empty."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode) or mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError(f"the password file must be readable by its owner alone: chmod 600 {path}")
        password = file.read().decode("utf-8", "replace").rstrip("\r\n")
    if not password:
        raise ValueError(f"the password file is empty: {path}")
    return password
