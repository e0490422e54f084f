"""`onefold unmerge`: take apart what was taken for one person, or take back all that a wrong source said."""

from collections.abc import Sequence

import click

from api.dry_run import DryRunOutcome, dry_run
from api.requests import EvidenceOfSource, Submission, evidence_of_source, retract_requests, unmerge_request
from onefold.requesting import (
    RequestOptions,
    carry_out,
    installation,
    operator_request,
    refusals_worded,
    request_options,
)
from onefold.wording import count, json_text
from runtime.literal import literal
from schemas.records import IdentityRequest
from settings import Settings

SHOWN = 20
_NAMES = {"profile": "PROFILE", "split": "--split", "source": "--source", "since": "--since"}


@click.command()
@click.argument("profile", required=False)
@click.option("--split", multiple=True, metavar="NAMESPACE:VALUE", help="What is somebody else's; may be repeated.")
@click.option("--source", default="", metavar="NAME", help="Take back all evidence of this source, or of a pair.")
@click.option("--since", metavar="TIME", help="With --source: of events since then; ISO 8601.")
@click.option("--yes", is_flag=True, help="With --source: do not ask.")
@click.option("--forbid", is_flag=True, help="What is unmerged shall never be linked again, unless it is allowed.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show which profiles there would be; nothing is changed.")
@request_options
def unmerge(  # noqa: PLR0913 - one for each option
    *,
    profile: str | None,
    split: tuple[str, ...],
    source: str,
    since: str | None,
    yes: bool,
    forbid: bool,
    is_dry_run: bool,
    options: RequestOptions,
) -> None:
    """Take identifiers out of a PROFILE, named by its id or by an identifier that stays, NAMESPACE:VALUE.

    The evidence that ties them is taken back, and every profile concerned is rebuilt from its events. With --source
    instead of PROFILE, everything that a source said is taken back, also what waits for a review; with both, what it
    said of the identifier that stays and each that is split (`operator`: a merge by hand). Exits with 1 if that changes
    nothing.

    \b
    Examples:
      onefold unmerge user_id:mei --split anonymous_id:tablet --dry-run
      onefold unmerge user_id:mei --split anonymous_id:tablet --reason "family tablet"
      onefold unmerge 5d1e7a90-... --split user_id:bob --split email:bob@example.com --forbid
      onefold unmerge --source crm-import --since 2026-03-01T00:00:00Z
    """
    _check_usage(profile, split, source, since, yes)

    def records(settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        if profile:
            return (unmerge_request(settings, submission, profile, split, source),)
        evidence = evidence_of_source(settings, submission.workspace, source, since)
        if not (yes or is_dry_run):
            _confirm(evidence, source)
        return retract_requests(submission, evidence)

    settings = installation(options)
    request = operator_request(settings, options, records, _NAMES, forbid=forbid)
    if not is_dry_run:
        carry_out(settings, request, options)
        return
    with refusals_worded(options, {}):
        outcome = dry_run(settings, request.records)
    _show(outcome, options.as_json)


def _show(outcome: DryRunOutcome, as_json: bool) -> None:
    if as_json:
        click.echo(json_text(outcome))
    if not outcome.profiles:
        reasons = literal("; ".join(outcome.reasons)) or "all profiles would stay as they are"
        raise click.ClickException(f"nothing would be changed: {reasons}")
    if as_json:
        return
    for profile in outcome.profiles:
        numbers = f"{count(len(profile.identifiers), 'identifier')}, {count(profile.events, 'event')}"
        click.echo(f"profile {literal(profile.profile_id)}   {numbers}")
        for identifier in profile.identifiers[:SHOWN]:
            click.echo(f"  {literal(identifier)}")
        if len(profile.identifiers) > SHOWN:
            click.echo(f"  and {len(profile.identifiers) - SHOWN:,} more")
    if outcome.dropped_before:
        click.echo(f"Events before {outcome.dropped_before} were dropped: these profiles would lack them.")
    click.echo("Nothing was changed: this was a dry run.")


def _check_usage(profile: str | None, split: Sequence[str], source: str, since: str | None, yes: bool) -> None:
    if not (profile or source) or (profile and source and not split):
        raise click.UsageError("name a PROFILE with --split, or a --source")
    if split and not profile:
        raise click.UsageError("--split belongs to a PROFILE, --source takes back whatever the source said")
    if profile and (since or yes):
        raise click.UsageError("--since and --yes belong to --source without a PROFILE")


def _confirm(evidence: EvidenceOfSource, source: str) -> None:
    active, waiting = len(evidence.active), len(evidence.waiting)
    counted = f"{count(active, 'pair')} of identifiers {'is' if active == 1 else 'are'} tied by source {source!r}"
    if waiting:
        counted += f", {waiting:,} more {'waits' if waiting == 1 else 'wait'} for a review"
    click.confirm(f"{counted}. Take its evidence back?", abort=True, err=True)
