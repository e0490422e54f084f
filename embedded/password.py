"""The password of the local ClickHouse: in a file that only its owner reads, as a command line is seen by everybody."""

from pathlib import Path

from embedded.errors import StackError
from runtime.files import read_private, write_private
from settings import random_key


def kept_password(path: Path) -> str:
    """Return the password in `path`, a random one if there is none yet. Raises StackError when it cannot be used."""
    try:
        if not path.exists():
            write_private(path, f"{random_key()}\n")
        path.chmod(0o600)
        password = read_private(path)
    except (OSError, ValueError) as error:
        raise StackError(f"the password file {path} cannot be used: {error}") from error
    if not (password.isascii() and password.isalnum()):
        raise StackError(f"{path} must hold a password of letters and digits: remove it, and the next start makes one")
    return password
