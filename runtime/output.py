"""Guard the standard streams of a process: whatever code prints, no control character but a line break comes out.

A net for what was forgotten. Whoever prints a name or a cell makes it `literal`, which also keeps it in its line.
"""

import io
import sys
from typing import TextIO

from runtime.literal import printable


class GuardedOutput(io.TextIOBase):
    """Writes to `raw` what is `printable`. It has no `buffer`, so bytes cannot go past it either."""

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw
        if isinstance(raw, io.TextIOWrapper):
            raw.reconfigure(errors="backslashreplace")  # a locale without a letter is no reason to fail

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of what lies below."""
        return self.raw.encoding

    def write(self, text: str | bytes) -> int:
        """Write what shows of a text, the rest escaped. Click prints bytes as well: they are taken as UTF-8."""
        self.raw.write(printable(text if isinstance(text, str) else text.decode(errors="backslashreplace")))
        return len(text)

    def flush(self) -> None:
        """Flush what lies below."""
        self.raw.flush()

    def isatty(self) -> bool:
        """Return whether a terminal lies below."""
        return self.raw.isatty()

    def fileno(self) -> int:
        """Return the descriptor below, for processes that inherit it."""
        return self.raw.fileno()

    def writable(self) -> bool:
        return True


def guard_output() -> None:
    """Guard standard output and standard error from now on; repeating it changes nothing."""
    sys.stdout, sys.stderr = _guarded(sys.stdout), _guarded(sys.stderr)


def unguarded(stream: TextIO) -> TextIO:
    """Return the stream below the guard, for a writer that escapes what others wrote and adds its own commands."""
    return stream.raw if isinstance(stream, GuardedOutput) else stream


def _guarded(stream: TextIO) -> TextIO:
    # A process started without a stream has None for it.
    return stream if stream is None or isinstance(stream, GuardedOutput) else GuardedOutput(stream)  # type: ignore[return-value]
