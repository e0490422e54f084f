"""Locks between processes on one machine, released by the system when their owner dies. POSIX only."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# A link instead of the file is somebody's trick.
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class FileLock:
    """An advisory lock on a file; the file stays, only the lock comes and goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock unless another process (or another FileLock of this one) holds it. Raises OSError."""
        descriptor = self._descriptor = os.open(self._path, _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            return False
        return True

    def wait(self) -> None:
        """Take the lock, however long another process holds it."""
        self._descriptor = os.open(self._path, _FLAGS, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        """Give the lock back; repeating it changes nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def exclusive_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at `path` for the block; `on_wait` is called first where another process holds it."""
    lock = FileLock(path)
    if not lock.try_acquire():
        on_wait()
        lock.wait()
    try:
        yield
    finally:
        lock.release()
