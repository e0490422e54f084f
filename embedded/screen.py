"""What a person sees while the stack starts: a bar for what is fetched, a tick and a time for every step."""

import time
from typing import Protocol

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.text import Text

from embedded.fetch import FetchProgress
from embedded.terminal import Terminal


class Screen(FetchProgress, Protocol):
    """Shows what happens. Steps may overlap; each is ended by `step_done` or `step_failed`."""

    def step_starts(self, title: str) -> None:
        """Hear that a step begins."""

    def step_done(self, title: str, seconds: float) -> None:
        """Hear that a step is done."""

    def step_failed(self, title: str) -> None:
        """Hear that a step failed; why follows as an error."""


class SilentScreen:
    """Shows nothing; for tests."""

    def fetch_starts(self, files: int, size: int) -> None: ...

    def fetched(self, size: int) -> None: ...

    def fetch_ends(self) -> None: ...

    def note(self, line: str) -> None: ...

    def step_starts(self, title: str) -> None: ...

    def step_done(self, title: str, seconds: float) -> None: ...

    def step_failed(self, title: str) -> None: ...


class PlainScreen(SilentScreen):
    """One line for each thing that happened, for logs and pipes."""

    _EVERY_S = 5.0

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._size = self._fetched = 0
        self._shown_at = 0.0

    def fetch_starts(self, files: int, size: int) -> None:
        self._size, self._fetched, self._shown_at = size, 0, time.monotonic()
        self._say(f"fetching {files} file{'s' * (files != 1)}, {size / 1e6:.0f} MB, once for all stacks of this user")

    def fetched(self, size: int) -> None:
        self._fetched += size
        if time.monotonic() - self._shown_at >= self._EVERY_S:
            self._shown_at = time.monotonic()
            self._say(f"fetched {self._fetched / 1e6:.0f} of {self._size / 1e6:.0f} MB")

    def fetch_ends(self) -> None:
        if self._fetched >= self._size:
            self._say(f"fetched {self._fetched / 1e6:.0f} of {self._size / 1e6:.0f} MB, done")

    def note(self, line: str) -> None:
        self._say(line)

    def step_done(self, title: str, seconds: float) -> None:
        self._say(f"ok      {title} ({seconds:.1f} s)")

    def step_failed(self, title: str) -> None:
        self._say(f"failed  {title}")

    def _say(self, line: str) -> None:
        self._console.print(line)


class LiveScreen(SilentScreen):
    """Ticks below each other and, under them, what is still going on; for a terminal."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._file_task = TaskID(0)
        self._status = console.status("")
        self._going_on: list[str] = []

    def fetch_starts(self, files: int, size: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(*columns, console=self._console)
        self._file_task = self._bar.add_task(f"  Fetching {files} file{'s' * (files != 1)}, once", total=size)
        self._bar.start()

    def fetched(self, size: int) -> None:
        if self._bar is not None:
            self._bar.advance(self._file_task, size)

    def fetch_ends(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def note(self, line: str) -> None:
        self._console.print(f"  {line}", style="dim", soft_wrap=True)

    def step_starts(self, title: str) -> None:
        self._going_on.append(title)
        self._show_going_on()

    def step_done(self, title: str, seconds: float) -> None:
        self._end(title)
        self._console.print(Text.assemble("  ", ("✓", "green"), f" {title:<18} ", (f"{seconds:5.1f} s", "dim")))

    def step_failed(self, title: str) -> None:
        self._end(title)
        self._console.print(Text.assemble("  ", ("✗", "red"), f" {title}"))

    def _end(self, title: str) -> None:
        if title in self._going_on:
            self._going_on.remove(title)
        self._show_going_on()

    def _show_going_on(self) -> None:
        if self._going_on:
            self._status.update(Text(f"{', '.join(self._going_on)} …", style="dim"))
            self._status.start()
        else:
            self._status.stop()


def screen_for(console: Terminal) -> Screen:
    """Return the live screen on a terminal, plain lines elsewhere."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


def error_console() -> Terminal:
    """Return stderr, where progress goes, so that stdout holds results only. Rich honours NO_COLOR."""
    return Terminal(stderr=True)
