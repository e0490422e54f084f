"""Prints tables, fields and trees. What a person copies from a terminal, such as an id or a time, stays in one piece.

A row has a line of its own; on a terminal that is too narrow for that, a line for each of its cells. A line that is too
long for a terminal is not broken: the terminal goes on with it below, and what it copies is whole all the same.
"""

from collections.abc import Collection, Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from embedded.terminal import UNLIMITED_WIDTH, Terminal
from runtime.literal import literal

_ALIGNED_WIDTH = 30
"""A longer name of a field moves only its own value to the right."""


def print_table(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[str] = (),
    wrapped: str | None = None,
    console: Terminal | None = None,
) -> None:
    """Print rows below the names of their columns, on standard output unless it is to be another console.

    `numbers`: the columns that stand flush right. `wrapped`: one that may go on in the next line, between words.
    """
    console = console or Terminal()
    texts = [[literal(cell) for cell in row] for row in rows]
    table = _table(names, texts, numbers, wrapped)
    if _narrowest(table, console) <= console.width:
        console.print(table)
        return
    for number, row in enumerate(texts):
        if number:
            console.print()
        print_fields(zip(names, row, strict=True), console=console)


def print_fields(
    fields: Iterable[tuple[str, str]],
    *,
    indent: str = "",
    of_lines: Collection[str] = (),
    console: Terminal | None = None,
) -> None:
    """Print a name and a value in each line, the values below each other.

    `of_lines`: names of fields whose values keep their lines, each behind the column of names: none looks like a field.
    """
    console = console or Terminal()
    shown = [
        (literal(name), [*map(literal, value.splitlines() or [""])] if name in of_lines else [literal(value)])
        for name, value in fields
    ]
    width = max((length for name, _ in shown if (length := cell_len(name)) <= _ALIGNED_WIDTH), default=0)
    for name, lines in shown:
        space = " " * (max(width - cell_len(name), 0) + 2)
        console.print(Text.assemble(indent, (name, "cyan"), space, lines[0]), soft_wrap=True)
        for line in lines[1:]:
            console.print(Text.assemble(indent, " " * (width + 2), line), soft_wrap=True)


def print_tree(tree: Tree, *, console: Terminal | None = None) -> None:
    """Print a tree; long lines go on in the next one between words, unless some word is longer than a line."""
    console = console or Terminal()
    if _narrowest(tree, console) > console.width:
        console = Terminal(file=console.file, width=UNLIMITED_WIDTH)
    console.print(tree)


def _narrowest(shown: Table | Tree, console: Terminal) -> int:
    """Return the least width in which no word is broken."""
    return console.measure(shown, options=console.options.update(width=UNLIMITED_WIDTH)).minimum


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[str], wrapped: str | None) -> Table:
    """Return a table of which only the column `wrapped` may become narrower than its cells."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, name in enumerate(names):
        head = literal(name)
        table.add_column(
            Text(head),
            justify="right" if name in numbers else "left",
            no_wrap=name != wrapped,
            min_width=None if name == wrapped else max(map(cell_len, (head, *(row[index] for row in rows)))),
        )
    for row in rows:
        table.add_row(*map(Text, row))
    return table
