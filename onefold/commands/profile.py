"""`onefold profile`: everything known of one person, by any of their identifiers or by the profile's id."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import click
import msgspec
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from api.identifiers import unusable_reason
from api.profiles import queried_profile
from embedded.terminal import Terminal
from onefold.lookups import look_up
from onefold.running import data_dir_option
from onefold.wording import count, json_text, shown_json
from runtime.literal import literal
from settings import Settings
from warehouse.client import JsonObject

_COUNTERS_SHOWN = 12


@click.command()
@click.argument("identifier", metavar="NAMESPACE:VALUE|PROFILE_ID")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the profile as one JSON object.")
@data_dir_option
def profile(identifier: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show the unified profile of a person by any of their identifiers, or by its id.

    The id of a profile that was merged into another shows that one, and says so.

    \b
    Examples:
      onefold profile user_id:42
      onefold profile 93e7a206-841d-5949-9051-80b50ebdd678
      onefold profile email:ada@example.com --json
    """

    def query(settings: Settings) -> tuple[JsonObject | None, str]:
        person = queried_profile(settings, workspace, identifier)
        return person, "" if person else unusable_reason(identifier, settings.definitions)

    person, why = look_up(query, workspace, data_dir)
    if person is None:
        message = f"workspace {workspace!r} has no profile with {identifier}{f': {why}' if why else ''}"
        raise click.ClickException(literal(message))
    if as_json:
        click.echo(json_text(person))
    else:
        Terminal().print(_panel(identifier, person))


def _panel(identifier: str, person: JsonObject) -> Panel:
    parts: list[RenderableType] = [_facts(person)]
    for title, rows in (
        ("Identifiers", [(row["namespace"], row["value"]) for row in _objects(person["identifiers"])]),
        ("Traits", sorted(_mapping(person["traits"]).items())),
        ("Segments", [(row["segment"], f"since {row['entered_at']}") for row in _objects(person["segments"])]),
        ("Events by name", _most_frequent(_mapping(person["counters"]))),
        ("Latest sessions", [(row["started_at"], _session(row)) for row in _objects(person["sessions"])]),
    ):
        if rows:
            parts += [Text(f"\n{title}", style="bold"), _grid(rows)]
    return Panel(Group(*parts), title=Text(literal(identifier)), title_align="left", expand=False)


def _facts(person: JsonObject) -> Table:
    rows: list[tuple[object, object]] = [
        ("profile", person["profile_id"]),
        *([("in place of", person["forwarded_from"])] if "forwarded_from" in person else []),
        ("kind", person["kind"]),
        ("events", person["events"]),
        ("first seen", person["first_seen_at"]),
        ("last seen", person["last_seen_at"]),
    ]
    session = person["session"]
    if session is not None:
        events = count(int(str(_mapping(session)["events"])), "event")
        rows.append(("open session", f"{events} since {_mapping(session)['started_at']}"))
    return _grid(rows)


def _session(row: JsonObject) -> str:
    entry = f", entered at {row['entry_url']}" if row["entry_url"] else ""
    way = f" from {row['source']}" if row["source"] else ""
    channel = f", {row['channel']}{way}" if row["channel"] else ""
    return f"{row['status']}, {row['events']} events until {row['ended_at']}{channel}{entry}"


def _most_frequent(counters: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted(counters.items(), key=lambda counter: -cast("int", counter[1]))[:_COUNTERS_SHOWN]


def _grid(rows: Sequence[tuple[object, object]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan")
    grid.add_column(overflow="fold")
    for name, value in rows:
        shown = shown_json(value if isinstance(value, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(value)))
        grid.add_row(Text(literal(name)), Text(literal(shown)))
    return grid


def _objects(value: object) -> list[JsonObject]:
    return cast("list[JsonObject]", value)


def _mapping(value: object) -> JsonObject:
    return cast("JsonObject", value)
