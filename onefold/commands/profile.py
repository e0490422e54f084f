"""`onefold profile`: everything known of one person, by any of their identifiers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import click
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from api.identifiers import asked_identifier, identity_rules
from embedded.terminal import Terminal
from onefold.running import check_workspace_to_read, data_dir_option, running_settings
from onefold.wording import json_text
from runtime.errors import OnefoldError
from runtime.literal import literal
from warehouse.client import JsonObject, look_ups
from warehouse.queries.profiles import find_profile

_COUNTERS_SHOWN = 12


@click.command()
@click.argument("identifier", metavar="NAMESPACE:VALUE")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the profile as one JSON object.")
@data_dir_option
def profile(identifier: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show the unified profile of a person by any of their identifiers.

    \b
    Examples:
      onefold profile user_id:42
      onefold profile email:ada@example.com --json
    """
    settings = running_settings(data_dir)
    check_workspace_to_read(settings, workspace)
    try:
        name = asked_identifier(identifier, settings.definitions)
        found = find_profile(look_ups(settings.clickhouse), workspace, name)
    except ValueError as error:
        raise click.BadParameter(literal(error), param_hint="NAMESPACE:VALUE") from None
    except OnefoldError as error:
        raise click.ClickException(f"{literal(error)} (is a stack running? 'onefold up' starts one)") from error
    if found is None:
        why = identity_rules(settings.definitions).why_nobody(name)
        raise click.ClickException(
            literal(f"workspace {workspace!r} has no profile with {identifier}{f': {why}' if why else ''}")
        )
    if as_json:
        click.echo(json_text(found))
    else:
        Terminal().print(_panel(identifier, found))


def _panel(identifier: str, found: JsonObject) -> Panel:
    parts: list[RenderableType] = [_facts(found)]
    for title, rows in (
        ("Identifiers", [(row["namespace"], row["value"]) for row in _objects(found["identifiers"])]),
        ("Traits", sorted(_mapping(found["traits"]).items())),
        ("Segments", [(row["segment"], f"since {row['entered_at']}") for row in _objects(found["segments"])]),
        ("Events by name", _most_frequent(_mapping(found["counters"]))),
        ("Latest sessions", [(row["started_at"], _session(row)) for row in _objects(found["sessions"])]),
    ):
        if rows:
            parts += [Text(f"\n{title}", style="bold"), _grid(rows)]
    return Panel(Group(*parts), title=Text(literal(identifier)), title_align="left", expand=False)


def _facts(found: JsonObject) -> Table:
    rows: list[tuple[object, object]] = [
        ("profile", found["profile_id"]),
        ("events", found["events"]),
        ("first seen", found["first_seen_at"]),
        ("last seen", found["last_seen_at"]),
    ]
    session = found["session"]
    if session is not None:
        rows.append(("open session", f"{_mapping(session)['events']} events since {_mapping(session)['started_at']}"))
    return _grid(rows)


def _session(row: JsonObject) -> str:
    entry = f", entered at {row['entry_url']}" if row["entry_url"] else ""
    return f"{row['status']}, {row['events']} events until {row['ended_at']}{entry}"


def _most_frequent(counters: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted(counters.items(), key=lambda counter: -cast("int", counter[1]))[:_COUNTERS_SHOWN]


def _grid(rows: Sequence[tuple[object, object]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan")
    grid.add_column(overflow="fold")
    for name, value in rows:
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        grid.add_row(Text(literal(name)), Text(literal(shown)))
    return grid


def _objects(value: object) -> list[JsonObject]:
    return cast("list[JsonObject]", value)


def _mapping(value: object) -> JsonObject:
    return cast("JsonObject", value)
