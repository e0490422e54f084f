"""The one console: what others wrote is neither markup nor a command, and keeps the width of its cell."""

import io
import subprocess
import sys

import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from embedded.screen import LiveScreen, PlainScreen
from embedded.terminal import Terminal

NASTY = "\x1b]0;owned\x07\x9b31m\u202e[bold]b[/bold][link=evil]l[/link]:smile:"
SHOWN = "\\x1b]0;owned\\x07\\x9b31m\\u202e[bold]b[/bold][link=evil]l[/link]:smile:"


def table() -> Table:
    made = Table(NASTY, title=NASTY)
    made.add_row(NASTY)
    return made


def tree() -> Tree:
    made = Tree(NASTY)
    made.add(NASTY)
    return made


@pytest.mark.parametrize(
    "shown", [NASTY, table(), tree(), Panel(NASTY, title=NASTY)], ids=["text", "table", "tree", "panel"]
)
def test_text_in_anything_is_escaped_and_never_markup(shown: object) -> None:
    terminal = Terminal(file=io.StringIO(), width=200)
    terminal.print(shown)
    out = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert out.replace("\n", "").isprintable()
    assert SHOWN in out


def test_a_text_that_was_built_without_escaping_is_escaped_all_the_same() -> None:
    terminal = Terminal(file=io.StringIO(), width=200)
    terminal.print(Text("\x1b[2J\u202e", style="bold"))
    assert terminal.file.getvalue() == "\\x1b[2J\\u202e\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [LiveScreen, PlainScreen])
def test_the_screen_of_a_starting_stack_shows_no_command(kind: type[LiveScreen | PlainScreen]) -> None:
    terminal = Terminal(file=io.StringIO(), width=200)
    screen = kind(terminal)
    screen.note(NASTY)
    screen.step_starts(NASTY)
    screen.step_done(NASTY, 1.0)
    screen.step_failed(NASTY)
    out = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert out.replace("\n", "").isprintable()
    assert "[bold]b[/bold]" in out


def test_no_other_console_passes_the_linter() -> None:
    code = b"from rich.console import Console\n\nConsole()\n"
    command = [sys.executable, "-m", "ruff", "check", "--stdin-filename", "onefold/commands/new.py", "-"]
    answer = subprocess.run(command, input=code, capture_output=True, check=False)
    assert answer.returncode == 1
    assert b"embedded.terminal.Terminal" in answer.stdout
