"""`onefold plan`: what would change if a folder of definitions were applied. Nothing is changed."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click
from msgspec.structs import replace

import definitions
from definitions.sets import Publication
from definitions.sets.folder import Draft, read_draft
from definitions.sets.topic import ensure_topic, read_publication
from embedded.terminal import Terminal
from onefold.definition_plan import DefinitionPlan, planned
from onefold.definition_plan_tree import plan_tree
from onefold.lacking_secrets import lacking_here, lacking_secrets
from onefold.left_waiting import left_waiting
from onefold.predictions import predicted
from onefold.printing import print_tree
from onefold.query_trials import tried
from onefold.running import data_dir_option, running_settings
from onefold.unreachable import failure
from onefold.wording import json_text
from runtime.errors import OnefoldError
from runtime.literal import literal
from settings import Settings
from warehouse.client import Warehouse

PREDICTION_TIMEOUT_S = 600.0
ANSWER_TIMEOUT_S = 5.0
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON object.")
@data_dir_option
def plan(folder: Path, as_json: bool, data_dir: Path | None) -> None:
    """Show what would change if the definitions in DIR were applied, and what it would cost. Nothing is changed.

    \b
    Example:
      onefold plan my-definitions
    """
    settings = running_settings(data_dir)
    draft = draft_of(folder)
    made = plan_of(settings, draft, published(settings))
    if as_json:
        click.echo(json_text(made))
    else:
        print_tree(plan_tree(made))
        warn_of_identity(folder, settings)
        warn_of_secrets(made, draft)


def draft_of(folder: Path) -> Draft:
    """Read a folder. Raises ClickException with every mistake in it."""
    try:
        return read_draft(folder)
    except definitions.DefinitionErrors as errors:
        raise click.ClickException(str(errors)) from None


def published(settings: Settings) -> Publication:
    """Return what was applied so far. Raises ClickException."""
    try:
        ensure_topic(settings.kafka, settings.replication, ANSWER_TIMEOUT_S)
        return read_publication(settings.kafka)
    except OnefoldError as error:
        raise click.ClickException(failure(error)) from error


def plan_of(settings: Settings, draft: Draft, publication: Publication) -> DefinitionPlan:
    """Return what would come of a folder now. Raises ClickException."""
    try:
        plan = planned(publication.newest, draft)
        with Warehouse(settings.clickhouse, PREDICTION_TIMEOUT_S) as warehouse:
            if not plan.is_new:
                return plan
            if publication.newest is not None:
                waiting = left_waiting(settings, publication.newest.definitions, draft.definitions)
                plan = replace(plan, warnings=replace(plan.warnings, left_waiting=waiting))
            workspaces = settings.workspaces.values()
            with _saying("querying who would enter and leave"):
                plan = predicted(warehouse, plan, draft.definitions, workspaces)
                return tried(warehouse, plan, draft.definitions, workspaces)
    except OnefoldError as error:
        raise click.ClickException(failure(error)) from error


def _saying(what: str) -> AbstractContextManager[object]:
    """Within the block a terminal shows what is waited for."""
    console = Terminal(stderr=True)
    return console.status(what) if console.is_terminal else nullcontext()


def warn_of_secrets(made: DefinitionPlan, draft: Draft) -> None:
    """Say which destinations, of those that are not as before, lack a secret in this environment."""
    different = {each.name for each in made.differences if each.kind == "destination"}
    destinations = [each for each in draft.definitions.destinations if each.name in different]
    for line in lacking_here(lacking_secrets(destinations, os.environ)):
        click.echo(literal(line), err=True)


def warn_of_identity(folder: Path, settings: Settings) -> None:
    """Say so if a folder has other rules of identity than those in force: applying does not change them."""
    if not (folder / "identity.yaml").exists():
        return
    if definitions.load(folder).identity.version != definitions.load(settings.definitions).identity.version:
        click.echo(
            f"{folder / 'identity.yaml'} is left out: processes read the rules of identity when they start"
            " (see 'onefold identity plan')",
            err=True,
        )
