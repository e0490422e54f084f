"""`onefold identity status`: what has become of an operator's request about who is who."""

from pathlib import Path

import click

from api.outcomes import UnknownRequest, changes_of, outcome_of
from onefold.lookups import lookup_failure
from onefold.requests import summary
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.wording import json_text
from runtime.errors import OnefoldError
from runtime.literal import literal
from schemas.changes import RequestState
from warehouse.client import look_ups

_SAID: dict[RequestState, str] = {
    "unanswered": "unanswered: not decided yet, or no such request",
    "unchanged": "decided: nothing was changed",
    "rebuilding": "decided: the profiles concerned are being rebuilt",
    "done": "done",
}


@click.command()
@click.argument("request_id")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
@data_dir_option
def status(request_id: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show what has become of a request: an unmerge, or a review of the quarantine.

    \b
    Example:
      onefold identity status 0b5b1f0a4b7c4f0c9a53f1f8f3ad9b1e
    """
    settings = running_settings(data_dir)
    workspace_named(settings, workspace)
    try:
        outcome = outcome_of(request_id, changes_of(look_ups(settings.clickhouse), workspace, request_id))
    except UnknownRequest as error:
        raise click.ClickException(literal(error)) from None
    except OnefoldError as error:
        raise lookup_failure(error) from error
    if as_json:
        click.echo(json_text(outcome))
        return
    # Where some of its records changed something, it is no news that others left nothing to do.
    reasons = literal(f": {'; '.join(outcome.reasons)}") if outcome.reasons and outcome.state == "unchanged" else ""
    click.echo("\n".join(filter(None, [f"{_SAID[outcome.state]}{reasons}", summary(outcome)])))
