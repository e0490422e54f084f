"""`onefold sql`: query ClickHouse, and show the answer as a table or in any of its formats."""

import sys
from pathlib import Path

import click
import msgspec

from onefold.lookups import lookup_failure
from onefold.printing import print_table
from onefold.running import data_dir_option, running_settings
from onefold.wording import json_text, shown_json
from runtime.errors import OnefoldError, UnreachableError
from runtime.literal import literal, printable
from runtime.output import unguarded
from warehouse.client import DATABASE, Warehouse
from warehouse.names import explained

TABLE_FORMAT = "JSONCompact"
_NUMBERS = {bytes([character]) for character in b"-0123456789"}
_SETTINGS = {
    "database": DATABASE,
    "final": "1",
    "json_type_escape_dots_in_keys": "1",
    "type_json_skip_duplicated_paths": "1",
    "union_default_mode": "DISTINCT",
    "except_default_mode": "DISTINCT",
    "intersect_default_mode": "DISTINCT",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_escape_forward_slashes": "0",
}


class CompactRows(msgspec.Struct):
    """ClickHouse's format JSONCompact, as far as a table needs it; a float would lose digits of a cell."""

    meta: list[dict[str, str]]
    data: list[list[msgspec.Raw]]


@click.command()
@click.argument("query")
@click.option("--format", "output_format", metavar="NAME", help="A format of ClickHouse, such as CSVWithNames.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one JSON array of objects.")
@data_dir_option
def sql(query: str, output_format: str | None, as_json: bool, data_dir: Path | None) -> None:
    """Query ClickHouse. QUERY is one statement, or - to read it from the standard input.

    Tables need no prefix, and every row is shown once, as it is now (final = 1). num, text, bool, time and items read
    properties, traits and context, whatever type was sent: docs/guide/questions.md.

    What senders wrote cannot command the terminal: control characters are shown as \\x1b. With --format, a file or a
    pipe gets ClickHouse's bytes as they are.

    \b
    Examples:
      onefold sql "SELECT event, count() FROM events GROUP BY event"
      onefold sql "SELECT sum(num(properties.total)) FROM events WHERE event = 'Order Completed'"
      onefold sql "SELECT * FROM profiles" --format CSVWithNames > profiles.csv
    """
    settings = running_settings(data_dir)
    statement = sys.stdin.read() if query == "-" else query
    if not statement.strip():
        raise click.UsageError("the query is empty")
    wanted = output_format or TABLE_FORMAT
    with Warehouse(settings.clickhouse, answer_timeout_s=None) as warehouse:
        try:
            answer = warehouse.answer(statement, {**_SETTINGS, "default_format": wanted})
        except UnreachableError as error:
            raise lookup_failure(error) from error
        except OnefoldError as error:
            raise click.ClickException(literal(explained(warehouse, error, statement))) from error
    if output_format is not None or (answer.format or wanted) != TABLE_FORMAT:
        _print_bytes(answer.content)
        return
    rows = msgspec.json.decode(answer.content, type=CompactRows) if answer.content.strip() else CompactRows([], [])
    names = [column["name"] for column in rows.meta]
    if as_json:
        click.echo(json_text([dict(zip(names, row, strict=True)) for row in rows.data]))
    elif names:
        _print_table(names, rows.data)


def _print_bytes(answer: bytes) -> None:
    """Print what shows of an answer on a terminal, and every byte to a file or a pipe."""
    stdout = unguarded(sys.stdout)
    if stdout.isatty():
        stdout.write(printable(answer.decode(errors="backslashreplace")))
    else:
        stdout.buffer.write(answer)
    stdout.flush()


def _print_table(names: list[str], rows: list[list[msgspec.Raw]]) -> None:
    numbers = {name for index, name in enumerate(names) if any(bytes(row[index])[:1] in _NUMBERS for row in rows)}
    print_table(names, [list(map(_shown, row)) for row in rows], numbers=numbers)


def _shown(cell: msgspec.Raw) -> str:
    return "NULL" if bytes(cell) == b"null" else shown_json(cell)
