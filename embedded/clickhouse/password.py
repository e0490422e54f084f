"""The gateway's password, read from a file: a command line is seen by every user of the machine."""

import os
import stat
from pathlib import Path


def read_password(path: Path) -> str:
    """The file's text without the line break at its end; raises ValueError when others may read it or it is empty."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode) or mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError(f"the password file must be readable by its owner alone: chmod 600 {path}")
        password = file.read().decode("utf-8", "replace").rstrip("\r\n")
    if not password:
        raise ValueError(f"the password file is empty: {path}")
    return password
