"""`onefold definitions`: whether a folder of definitions can be used, and what holds where it says nothing."""

from pathlib import Path

import click

import definitions
from definitions.cautions import cautions
from definitions.defaults import default_rules_text
from definitions.schema import schema_text
from definitions.schema.building import text_of
from definitions.schema.consent import consent_schema
from definitions.shared_keys import shared_traits
from onefold.lazy import LazyGroup
from onefold.running import data_dir_option, running_settings
from onefold.wording import count, json_text
from runtime.literal import literal
from sinks.destinations.http.public import forbidden_urls

COMMANDS = {
    "check": ("onefold.commands.definitions:check", "Show all mistakes in a folder of definitions."),
    "schema": ("onefold.commands.definitions:schema", "Print the JSON Schema of definitions, for editors."),
    "status": ("onefold.commands.definition_sets:status", "Show which version is in effect, and what is under way."),
    "history": ("onefold.commands.definition_sets:history", "List the versions that were applied."),
    "diff": ("onefold.commands.definition_sets:diff", "Show what is different between two versions."),
    "export": ("onefold.commands.definition_sets:export", "Write the files of a version into a folder."),
    "refresh": ("onefold.commands.refresh:refresh", "Ask the query of a mined trait now."),
    "rollback": ("onefold.commands.definition_sets:rollback", "Apply an earlier version once more."),
    "defaults": ("onefold.commands.definitions:defaults", "Print the default rules of identity as YAML."),
}


@click.group("definitions", cls=LazyGroup, lazy=COMMANDS)
def group() -> None:
    """Traits, segments, triggers, destinations and rules of identity."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result, or all mistakes, as one JSON object.")
@data_dir_option
def check(folder: Path | None, as_json: bool, data_dir: Path | None) -> None:
    """Show all mistakes in DIR. Exits with 1 if there is one.

    An address in a private network that the destination does not allow is no mistake, but is told; so is a segment
    that keeps somebody in an audience who withdraws the consent that the destination asks for.

    Without DIR it reads the folder that the running stack was started with; what was applied since may be another
    version ('onefold definitions status').

    \b
    Example:
      onefold definitions check my-definitions
    """
    try:
        loaded = definitions.load(folder or _of_running_stack(data_dir))
    except definitions.DefinitionErrors as errors:
        if as_json:
            mistakes = [each._asdict() | {"file": str(each.file)} for each in errors.errors]
            click.echo(json_text({"ok": False, "errors": mistakes}))
        else:
            click.echo(str(errors), err=True)
        raise SystemExit(1) from None
    triggers = (*loaded.triggers, *loaded.across)
    counted = {
        "segment": len(loaded.segments),
        "trait": len(loaded.traits),
        "trigger": len(triggers),
        "destination": len(loaded.destinations),
        "purpose": len(loaded.consent.purposes),
    }
    warnings = [
        f"destination {each.name}: {said}"
        for each in loaded.destinations
        for said in (*forbidden_urls(each.receiver), *shared_traits(each))
    ]
    warnings += [f"segment {each.segment}: {each.advice}" for each in cautions(loaded)]
    if as_json:
        numbers = {f"{kind}s": number for kind, number in counted.items()}
        click.echo(json_text({"ok": True, **numbers, "rules": loaded.identity.version, "warnings": warnings}))
        return
    shown = ", ".join(count(number, kind) for kind, number in counted.items() if number or kind == "segment")
    click.echo(f"ok: {shown}, rules {loaded.identity.version}")
    for said in warnings:
        click.echo(literal(said), err=True)


@click.command()
@click.option("--consent", is_flag=True, help="Print that of consent.yaml.")
def schema(consent: bool) -> None:
    """Print the JSON Schema of definitions, which tells an editor what may stand where.

    Editors with the YAML language server, such as VS Code with its YAML extension, use it for files that begin with
    `# yaml-language-server: $schema=../definitions.schema.json` (a path from the file, or a URL).

    \b
    Example:
      onefold definitions schema > my-definitions/definitions.schema.json
      onefold definitions schema --consent > my-definitions/consent.schema.json
    """
    click.echo(text_of(consent_schema()) if consent else schema_text(), nl=False)


@click.command()
def defaults() -> None:
    """Print the default rules of identity as the file identity.yaml, every key explained.

    They hold where a folder of definitions has no such file. A copy of the printed file changes nothing until it is
    edited.

    \b
    Example:
      onefold definitions defaults > my-definitions/identity.yaml
    """
    click.echo(default_rules_text(), nl=False)


def _of_running_stack(data_dir: Path | None) -> Path:
    folder = running_settings(data_dir).definitions
    if folder is None:
        raise click.UsageError("no definitions are in use here: name a folder")
    return folder
