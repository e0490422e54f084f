"""`onefold destination list` and `check`: where things are sent, and whether all that it needs is there."""

import asyncio
from pathlib import Path

import click
import msgspec

import definitions
from api.pausing import read_pauses
from definitions import Definitions
from definitions.cautions import cautions
from definitions.destinations import CHANGES, Destination
from definitions.sets.topic import read_publication
from definitions.shared_keys import shared_traits
from onefold.held_up import held_up, shown_held_up
from onefold.lookups import look_up
from onefold.printing import print_table
from onefold.running import data_dir_option
from onefold.wording import json_text
from runtime.literal import literal
from schemas.delivery_control import Pauses
from settings import Settings
from sinks.destinations.http.public import forbidden_urls
from sinks.destinations.opening import NoReceiver, open_destination
from sinks.destinations.secrets import BadOption, missing_secrets

_COLUMNS = ("destination", "type", "changes", "purpose", "channel", "traits", "named by")


class DestinationCheck(msgspec.Struct, frozen=True):
    """What is missing of a destination; `problems` name no secret's value. `warnings`: what may surprise."""

    destination: str
    type: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether deliveries could be sent."""
        return not self.problems


@click.command("list")
@click.argument("folder", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each destination.")
@data_dir_option
def list_(folder: Path | None, as_json: bool, data_dir: Path | None) -> None:
    """Show the destinations that are applied, or those of DIR: what they are sent, and who names them.

    Of those applied also which are paused, cannot be opened, or do not accept the credentials, and why.

    \b
    Examples:
      onefold destination list
      onefold destination list my-definitions
    """
    found = defined_in(folder, data_dir)
    pauses = Pauses() if folder is not None else look_up(read_pauses, "main", data_dir)
    rows = [_row(each, _named_by(found, each.name)) for each in found.destinations]
    if as_json:
        shown = shown_held_up(pauses)
        for row in rows:
            fields = dict(zip((name.replace(" ", "_") for name in _COLUMNS), row, strict=True))
            held = {why: by_name[str(row[0])] for why, by_name in shown.items() if row[0] in by_name}
            click.echo(json_text(fields | held))
        return
    if not rows:
        click.echo("no destination is defined")
        return
    print_table(_COLUMNS, [[cell if isinstance(cell, str) else ", ".join(cell) for cell in row] for row in rows])
    for line in held_up(pauses, {each.name for each in found.destinations}):
        click.echo(line)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each destination.")
@data_dir_option
def check(folder: Path | None, as_json: bool, data_dir: Path | None) -> None:
    """Open each destination that is applied, or those of DIR, and show what is missing. Exits with 1 if anything is.

    Shows also which segments keep somebody there who withdraws the consent that the destination asks for, which are one
    with others there, so that who leaves one is taken out of all, and by which traits it finds people, as one of two
    who have the same takes out the other.

    Connects to no receiver, and shows no secret. Secrets are looked for where this command runs: run it with the
    environment and the files of the deliverer.

    \b
    Examples:
      onefold destination check
      onefold destination check my-definitions
    """
    found = defined_in(folder, data_dir)
    cautioned = list(cautions(found))
    checked = [
        msgspec.structs.replace(
            checked_one(each),
            warnings=(
                *shared_traits(each),
                *(f"segment {of.segment}: {of.advice}" for of in cautioned if of.destination == each.name),
            ),
        )
        for each in found.destinations
    ]
    for each in checked:
        if as_json:
            click.echo(json_text(msgspec.to_builtins(each) | {"ok": each.ok}))
        else:
            for said in (*(each.problems or ("ok",)), *each.warnings):
                click.echo(literal(f"{each.destination} ({each.type}): {said}"))
    if not checked and not as_json:
        click.echo("no destination is defined")
    if not all(each.ok for each in checked):
        raise SystemExit(1)


def defined_in(folder: Path | None, data_dir: Path | None) -> Definitions:
    """Return the definitions of a folder, else those that are applied. Exits with 1, with all mistakes of a folder."""
    if folder is None:
        return look_up(_applied, "main", data_dir)
    try:
        return definitions.load(folder)
    except definitions.DefinitionErrors as errors:
        click.echo(str(errors), err=True)
        raise SystemExit(1) from None


def checked_one(destination: Destination) -> DestinationCheck:
    """Open a destination, and let go of it: what it lacks."""
    if destination.receiver is None:
        return DestinationCheck(destination.name, destination.type, ())
    missing = list(missing_secrets(destination.receiver))
    problems = [*missing, *forbidden_urls(destination.receiver)]
    if not missing:
        try:
            asyncio.run(_opened(destination))
        except (BadOption, NoReceiver) as problem:
            problems.append(str(problem))
    return DestinationCheck(destination.name, destination.type, tuple(problems))


async def _opened(destination: Destination) -> None:
    await open_destination(destination).close()


def _applied(settings: Settings) -> Definitions:
    newest = read_publication(settings.kafka).newest
    return Definitions(()) if newest is None else newest.definitions


def _named_by(found: Definitions, name: str) -> tuple[str, ...]:
    segments = [each.name for each in found.segments if name in each.destinations]
    triggers = [each.name for each in found.triggers if name in each.destinations]
    across = [each.name for each in found.across if name in each.destinations]
    return (*segments, *triggers, *across)


def _row(each: Destination, named_by: tuple[str, ...]) -> tuple[str | tuple[str, ...], ...]:
    changes = "all" if each.changes == CHANGES else each.changes
    return each.name, each.type, changes, each.checks.purpose, each.reached_by, each.traits, named_by
