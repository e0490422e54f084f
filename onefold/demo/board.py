"""The board shown while the shop plays: on a terminal it stays in place, elsewhere it is a line now and then."""

from collections.abc import Sequence

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from embedded.terminal import Terminal
from onefold.demo.figures import Figures
from runtime.literal import literal

PLAIN_EVERY_S = 5.0
PLAIN_HAPPENINGS = 3
PLAIN_RECEIVED = 1


class Board:
    """A context manager; `show` replaces what is shown."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
        self._next_line_at = 0.0
        self._printed: frozenset[tuple[str, ...]] = frozenset()

    def __enter__(self) -> "Board":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, figures: Figures, played_s: float) -> None:
        """Show figures; `played_s`: for how long the shop has been open."""
        if self._live is not None:
            self._live.update(_board(figures, played_s))
        elif played_s >= self._next_line_at:
            self._next_line_at = played_s + PLAIN_EVERY_S
            self._console.print(_line(figures, played_s))
            self._print_new(figures.happenings)
            for line in figures.received.latest[-PLAIN_RECEIVED:]:
                self._console.print(f"        received {line}")

    def _print_new(self, happenings: Sequence[tuple[str, ...]]) -> None:
        """Print the latest of those that were not there before, in their order."""
        new = [each for each in happenings if each not in self._printed][:PLAIN_HAPPENINGS]
        for time, name, happening, who, because in reversed(new):
            self._console.print(literal(f"        {time} {who} {happening} {name}, because of {because}"))
        self._printed = frozenset(happenings)


def _cells(figures: Figures) -> list[tuple[str, str]]:
    return [
        ("events accepted", f"{figures.accepted:,}"),
        ("events folded", f"{figures.folded:,}"),
        ("profiles", f"{figures.profiles:,}"),
        ("merges", f"{figures.merges:,}"),
        ("open sessions", f"{figures.open_sessions:,}"),
        ("segment entries", f"{figures.entered:,}"),
        ("segment exits", f"{figures.exited:,}"),
        ("triggers fired", f"{figures.fired:,}"),
        ("webhook has received", f"{figures.received.requests:,}"),
        ("mailbox has received", f"{figures.received.mails:,}"),
        ("waiting (resolve/graph/profile/sink)", "/".join(str(records) for records in figures.lag.values())),
        ("received to profile, p50", _ms(figures.p50_s)),
        ("received to profile, p99", _ms(figures.p99_s)),
    ]


def _board(figures: Figures, played_s: float) -> Group:
    return Group(_table(figures, played_s), _happenings(figures), _received(figures))


def _received(figures: Figures) -> Table:
    table = Table(title="At the receivers", box=None, title_justify="left", show_header=False)
    for line in figures.received.latest:
        table.add_row(Text(line, no_wrap=True, overflow="ellipsis"))
    return table


def _happenings(figures: Figures) -> Table:
    table = Table(title="As it happens", box=None, title_justify="left", show_header=False)
    for row in figures.happenings:
        table.add_row(*(Text(literal(cell), no_wrap=True, overflow="ellipsis") for cell in row))
    return table


def _table(figures: Figures, played_s: float) -> Table:
    table = Table(title=f"Live shop, {played_s:.0f} s (simulated visitors)", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right", min_width=12)
    for name, value in _cells(figures):
        table.add_row(name, value)
    return table


def _line(figures: Figures, played_s: float) -> str:
    return f"[{played_s:3.0f} s] " + ", ".join(f"{name} {value}" for name, value in _cells(figures))


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:,.0f} ms"
