"""The one console of rich in this project: what others wrote is never markup, and never a command to the terminal.

Names and cells are made `literal` where they are put in; what was forgotten there is escaped here. Lines are folded for
a terminal alone: a file and a pipe get each whole.
"""

import sys
from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType  # noqa: TID251 - this module is the one that may
from rich.segment import Segment
from rich.text import Text

from runtime.literal import printable
from runtime.output import unguarded

UNLIMITED_WIDTH = 1_000_000_000
"""Of a console that nobody looks at: no line is as long."""


class Terminal(Console):
    """A console on standard output, standard error or a file. Text is markup only in calls with `markup=True`."""

    def __init__(self, *, stderr: bool = False, file: IO[str] | None = None, width: int | None = None) -> None:
        stream = file or unguarded(sys.stderr if stderr else sys.stdout)
        if width is None and not stream.isatty():
            width = UNLIMITED_WIDTH
        super().__init__(file=stream, width=width, markup=False, highlight=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text, escaped before its width is measured."""
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of what is shown; commands that rich itself makes, of a progress bar say, stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)
