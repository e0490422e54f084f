"""`onefold profile`: everything known of one person, by any of their identifiers or by the profile's id."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import click
import msgspec
from rich.text import Text

from api.identifiers import unusable_reason
from api.profiles import queried_profile
from embedded.terminal import Terminal
from onefold.lookups import look_up
from onefold.printing import print_fields
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
        _print(identifier, person)


def _print(identifier: str, person: JsonObject) -> None:
    console = Terminal()
    console.print(Text(literal(identifier), style="bold"), soft_wrap=True)
    for title, rows in (
        ("", _facts(person)),
        ("Identifiers", [(row["namespace"], row["value"]) for row in _objects(person["identifiers"])]),
        ("Traits", sorted(_mapping(person["traits"]).items())),
        ("Segments", [(row["segment"], f"since {row['entered_at']}") for row in _objects(person["segments"])]),
        ("Events by name", _most_frequent(_mapping(person["counters"]))),
        ("Latest sessions", [(row["started_at"], _session(row)) for row in _objects(person["sessions"])]),
    ):
        if title and rows:
            console.print(Text(f"\n  {title}", style="bold"))
        print_fields([(str(name), _shown(value)) for name, value in rows], indent="  ", console=console)


def _facts(person: JsonObject) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
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
    return rows


def _session(row: JsonObject) -> str:
    entry = f", entered at {row['entry_url']}" if row["entry_url"] else ""
    way = f" from {row['source']}" if row["source"] else ""
    channel = f", {row['channel']}{way}" if row["channel"] else ""
    return f"{row['status']}, {row['events']} events until {row['ended_at']}{channel}{entry}"


def _most_frequent(counters: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted(counters.items(), key=lambda counter: -cast("int", counter[1]))[:_COUNTERS_SHOWN]


def _shown(value: object) -> str:
    return shown_json(value if isinstance(value, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(value)))


def _objects(value: object) -> list[JsonObject]:
    return cast("list[JsonObject]", value)


def _mapping(value: object) -> JsonObject:
    return cast("JsonObject", value)
