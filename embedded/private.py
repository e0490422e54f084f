"""Folders and files of one user: nobody else may read what a stack keeps, or change what it runs. POSIX only.

Who may do what with the root's rights is not looked at: root may do everything anyway.
"""

import os
import stat
from pathlib import Path

from embedded.errors import StackError

UMASK = 0o077
"""For every process of a stack: what it makes is its user's alone."""

_ROOT = 0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(folder: Path) -> None:
    """Make a folder that only this user can enter, or make an existing one of this user such a folder.

    Raises StackError when it, or the link that leads to it, is somebody else's; OSError when it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_own(folder):
        raise StackError(
            f"{folder} belongs to another user, who could read and change all of it: --data-dir names another"
        )
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def private_file(path: str, flags: int) -> int:
    """Open a file that only this user can read, whatever it was before, and no link's target; an opener for `open`."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def is_own(path: Path) -> bool:
    """Return whether a file or folder is this user's, and a link that leads to it root's or this user's."""
    return path.stat().st_uid == os.geteuid() and path.lstat().st_uid in (os.geteuid(), _ROOT)


def trusted_folder(folder: Path) -> None:
    """Make a folder for programs that only this user can enter, or check that nobody else can change an existing one.

    Raises StackError when somebody can; OSError when it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_own(folder) and not stat.S_IMODE(folder.stat().st_mode) & _OTHERS:
        return
    for path in (folder, *folder.rglob("*")):
        if _others_may_change(path):
            raise StackError(
                f"other users may change {path}, so the stack could run their programs in your name: remove {folder}, "
                "it is fetched anew, or name a folder of your own with ONEFOLD_CACHE"
            )


def _others_may_change(path: Path) -> bool:
    status = path.lstat()
    is_link = stat.S_ISLNK(status.st_mode)
    return status.st_uid not in (os.geteuid(), _ROOT) or (not is_link and bool(status.st_mode & _OTHERS_WRITE))
