"""`onefold unmerge`: take apart what was taken for one person, or take back all that a wrong source said."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from api.dry_run import DryRunOutcome, dry_run
from api.requests import RequestRefused, Submission, UnknownProfile, pair_requests, unmerge_request
from onefold.lookups import lookup_failure
from onefold.requests import OperatorRequest, carry_out, new_request_id, now_ms, request_options
from onefold.running import running_settings, workspace_named
from onefold.wording import count, json_text
from runtime.errors import OnefoldError
from runtime.literal import literal
from schemas.records import IdentityRequest
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.links import Links

SHOWN = 20


@click.command()
@click.argument("profile", required=False)
@click.option("--split", multiple=True, metavar="NAMESPACE:VALUE", help="What is somebody else's; may be repeated.")
@click.option("--source", default="", metavar="NAME", help="Take back all evidence of this source, or of a pair.")
@click.option("--since", metavar="TIME", help="With --source: of events since then; ISO 8601.")
@click.option("--yes", is_flag=True, help="With --source: do not ask.")
@click.option("--forbid", is_flag=True, help="What is unmerged shall never be linked again, unless it is allowed.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show which profiles there would be; nothing is changed.")
@request_options
def unmerge(  # noqa: PLR0913, PLR0917 - one for each option
    profile: str | None,
    split: tuple[str, ...],
    source: str,
    since: str | None,
    yes: bool,
    forbid: bool,
    is_dry_run: bool,
    reason: str,
    workspace: str,
    no_wait: bool,
    timeout_s: float,
    as_json: bool,
    data_dir: Path | None,
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
    settings = running_settings(data_dir)
    workspace_named(settings, workspace)
    submission = Submission(workspace, new_request_id(), now_ms(), reason, forbid)
    if profile:
        records = _out_of_profile(settings, submission, profile, split, source)
    else:
        records = _of_source(settings, submission, source, since, yes or is_dry_run)
    if is_dry_run:
        _show(_tried(settings, records), as_json)
        return
    request = OperatorRequest(submission.request_id, records)
    carry_out(settings, request, no_wait=no_wait, timeout_s=timeout_s, as_json=as_json)


def _tried(settings: Settings, records: Sequence[IdentityRequest]) -> DryRunOutcome:
    try:
        return dry_run(settings, records)
    except RequestRefused as error:
        raise click.ClickException(literal(error)) from None
    except OnefoldError as error:
        raise lookup_failure(error) from error


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
    click.echo("Nothing was changed: this was a dry run.")


def _check_usage(profile: str | None, split: Sequence[str], source: str, since: str | None, yes: bool) -> None:
    if not (profile or source) or (profile and source and not split):
        raise click.UsageError("name a PROFILE with --split, or a --source")
    if split and not profile:
        raise click.UsageError("--split belongs to a PROFILE, --source takes back whatever the source said")
    if profile and (since or yes):
        raise click.UsageError("--since and --yes belong to --source without a PROFILE")


def _out_of_profile(
    settings: Settings, submission: Submission, profile: str, split: Sequence[str], source: str
) -> tuple[IdentityRequest, ...]:
    try:
        return (unmerge_request(settings, submission, profile, split, source),)
    except RequestRefused as error:
        hint = "--split" if error.field == "split" else "PROFILE"
        raise click.BadParameter(literal(error), param_hint=hint) from None
    except UnknownProfile as error:
        raise click.ClickException(literal(error)) from None
    except OnefoldError as error:
        raise lookup_failure(error) from error


def _of_source(
    settings: Settings, submission: Submission, source: str, since: str | None, yes: bool
) -> tuple[IdentityRequest, ...]:
    try:
        links, since_ms = Links(look_ups(settings.clickhouse), submission.workspace), _milliseconds(since)
        active, waiting = (links.pairs(status, source, since_ms) for status in ("active", "waiting"))
    except OnefoldError as error:
        raise lookup_failure(error) from error
    _confirm(len(active), len(waiting), source, since, yes)
    return pair_requests(submission, "retract", (*active, *waiting))


def _confirm(active: int, waiting: int, source: str, since: str | None, yes: bool) -> None:
    if not (active or waiting):
        period = f" since {since}" if since else ""
        raise click.ClickException(f"nothing was changed: no pair of identifiers is tied by source {source!r}{period}")
    if not yes:
        counted = f"{count(active, 'pair')} of identifiers {'is' if active == 1 else 'are'} tied by source {source!r}"
        if waiting:
            counted += f", {waiting:,} more {'waits' if waiting == 1 else 'wait'} for a review"
        click.confirm(f"{counted}. Take its evidence back?", abort=True, err=True)


def _milliseconds(since: str | None) -> int:
    if since is None:
        return 0
    try:
        time = datetime.fromisoformat(since)
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{since!r} is no time in ISO 8601", param_hint="--since") from None
