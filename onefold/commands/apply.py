"""`onefold apply`: makes a folder of definitions the next version, which running workers take over."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from definitions.sets import DefinitionSet, Publication
from definitions.sets.applying import apply_draft
from definitions.sets.folder import Draft
from onefold.commands.plan import FOLDER, draft_of, plan_of, published, warn_of_identity, warn_of_secrets
from onefold.definition_plan import DefinitionPlan
from onefold.definition_plan_tree import plan_tree
from onefold.printing import print_tree
from onefold.requests import INTERRUPTED
from onefold.running import data_dir_option, running_settings
from onefold.unreachable import failure
from onefold.wording import json_text
from runtime.errors import OnefoldError
from settings import Settings

POLL_S = 0.5


Command = TypeVar("Command", bound=Callable[..., Any])


def apply_options(command: Command) -> Command:
    """Add the options of what applies a version."""
    for option in (
        click.option(
            "--timeout",
            "timeout_s",
            type=click.FloatRange(min=0),
            default=3600.0,
            show_default=True,
            help="With --wait: seconds, after which it exits with 1, and the version goes on all the same.",
        ),
        click.option("--wait", is_flag=True, help="Return once it is in effect for everybody in every workspace."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object."),
        click.option(
            "--yes",
            is_flag=True,
            help="Apply also what is beyond the budget, removes everything, or a destination that holds people or for"
            " which deliveries wait.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("folder", type=FOLDER, metavar="DIR")
@apply_options
@data_dir_option
def apply(folder: Path, yes: bool, wait: bool, timeout_s: float, as_json: bool, data_dir: Path | None) -> None:  # noqa: PLR0913, PLR0917
    """Apply the definitions in DIR: workers take them over without a restart, for the past as well.

    Until everything new is computed for the past, the version before stays in effect.

    \b
    Examples:
      onefold apply my-definitions
      onefold apply my-definitions --wait && onefold definitions status
    """
    settings = running_settings(data_dir)
    draft, publication = draft_of(folder), published(settings)
    made = plan_of(settings, draft, publication)
    if not as_json:
        print_tree(plan_tree(made))
        warn_of_identity(folder, settings)
        warn_of_secrets(made, draft)
    refuse_unwanted(made, yes)
    version = publish(settings, draft, publication).version if made.is_new else publication.version
    if wait:
        await_effect(settings, version, timeout_s, is_silent=as_json)
    if as_json:
        click.echo(json_text({"version": version, "applied": made.is_new, "plan": made}))
    elif made.is_new:
        click.echo(f"applied version {version}")


def refuse_unwanted(made: DefinitionPlan, yes: bool) -> None:
    """Raise ClickException, unless it is wanted, for what is beyond the budget, loses definitions or people.

    What a record has no room for is refused in any case.
    """
    if made.impossible and made.is_new:
        hint = "shorter windows, or fewer measures and counts of equal values, need less"
        raise click.ClickException(f"{made.impossible}: nothing is applied; {hint}")
    reasons = [reason for reason in (made.excess, made.clearance, made.leaving, made.unsent) if reason]
    if reasons and made.is_new and not yes:
        raise click.ClickException(f"{'; '.join(reasons)}: nothing is applied; --yes does so all the same")


def publish(settings: Settings, draft: Draft, publication: Publication) -> DefinitionSet:
    """Publish the next version. Raises ClickException, also when somebody else was faster."""
    try:
        return apply_draft(settings.kafka, draft, publication.version)
    except OnefoldError as error:
        raise click.ClickException(failure(error)) from error


def await_effect(settings: Settings, version: int, timeout_s: float, is_silent: bool) -> None:
    """Return once everybody is evaluated by a version, or a later one; show progress. Raises ClickException."""
    ends_at, said = time.monotonic() + timeout_s, ""
    with going_on(version):
        while waiting := waiting_for(published(settings), version, settings.workspaces, settings.partitions):
            if time.monotonic() > ends_at:
                raise click.ClickException(f"not in effect after {timeout_s:g} s: {waiting}; {_goes_on(version)}")
            if waiting != said and not is_silent:
                click.echo(waiting, err=True)
            said = waiting
            time.sleep(POLL_S)


@contextmanager
def going_on(version: int) -> Iterator[None]:
    """Let Ctrl-C end the process, within the block, with the sentence that the version is not stopped by it."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nnot in effect yet; {_goes_on(version)}", err=True)
        raise SystemExit(INTERRUPTED) from None


def _goes_on(version: int) -> str:
    return f"version {version} goes on by itself: 'onefold definitions status' shows how far it is"


def waiting_for(publication: Publication, version: int, workspaces: Iterable[str], partitions: int) -> str:
    """Say what a version waits for; empty if everybody is evaluated by it."""
    if publication.stamped_everywhere(partitions) < version:
        return "waiting for the workers to take it over"
    for workspace in workspaces:
        evaluated = publication.evaluated(workspace, partitions)
        if evaluated is None or evaluated.version < version:
            return f"computing the past of {workspace}: {step_of(publication, workspace)}"
        if publication.walked_to(workspace, partitions) < version:
            return f"evaluating everybody in {workspace}"
    return ""


def step_of(publication: Publication, workspace: str) -> str:
    """Say how far the back-fill of the newest version is in a workspace."""
    progress = publication.progress.get(workspace)
    is_current = progress is not None and progress.version == publication.version
    return progress.text if progress is not None and is_current else "waiting for the rebuilder"
