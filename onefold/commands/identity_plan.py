"""`onefold identity plan`: plans a change of rules, and applies the plan. `plan_summary` words it."""

import time
from pathlib import Path

import click
import msgspec

import definitions
from api.outcomes import RequestOutcome
from identity.plan.differences import RulesComparison, RulesPlan
from identity.plan.simulation import simulate
from identity.rules import IdentityRules
from onefold.lookups import lookup_failure
from onefold.plan_summary import PlanSummary, merges_text, summarise, summary_tree, unmerges_text
from onefold.printing import print_tree
from onefold.progress import RULES, PipelineProgress, worker_samples
from onefold.requesting import new_request_id
from onefold.requests import OperatorRequest, send_and_follow
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.unreachable import failure
from onefold.wording import count, json_text
from runtime.clock import now_ms
from runtime.errors import OnefoldError
from schemas.changes import OPERATOR, PLANS, numbered
from schemas.records import IdentityRequest
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.history import History

POLL_S = 0.2
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--definitions", "folder", type=_FOLDER, metavar="DIR", help="Definitions with the rules to try.")
@click.option("--workspace", "name", default="main", show_default=True)
@click.option("--examples", type=click.IntRange(min=0), default=5, show_default=True, help="How many to show.")
@click.option("--apply", "applying", is_flag=True, help="Carry the plan out; the stack must run with these rules.")
@click.option("--yes", is_flag=True, help="With --apply: do not ask.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="With --apply: seconds to follow it; it goes on all the same.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON object.")
@data_dir_option
def plan(  # noqa: PLR0913, PLR0917 - one for each option
    folder: Path | None,
    name: str,
    examples: int,
    applying: bool,
    yes: bool,
    timeout_s: float,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Show who would become one person, and who several, under other rules of identity. Nothing is changed.

    The history in ClickHouse is decided again under DIR/identity.yaml (default: the rules of the running stack). What
    operators have decided stays. With --apply, evidence is then taken back and shown anew, and profiles are rebuilt.

    \b
    Examples:
      onefold identity plan --definitions new-rules
      onefold identity plan --definitions new-rules --json | jq .unmerges
      onefold identity plan --definitions new-rules --apply
    """
    if yes and not applying:
        raise click.UsageError("--yes belongs to --apply")
    settings = running_settings(data_dir)
    workspace_named(settings, name)
    folder = folder or settings.definitions
    rules = _rules(folder)
    if applying:
        _check_that_the_stack_runs_with(rules, folder, settings)
    differences, profiles = _planned(settings, name, rules, examples)
    summary = summarise(differences, profiles, examples)
    if not as_json:
        print_tree(summary_tree(summary))
    if applying and not differences.is_empty:
        _confirm(summary, yes)
        outcome = _applied(settings, name, differences, timeout_s)
        summary = msgspec.structs.replace(summary, applied=outcome)
        if not as_json:
            click.echo(f"applied: {count(outcome.events, 'event')} replayed, request {outcome.request_id}")
    if as_json:
        click.echo(json_text(summary))


def _rules(folder: Path | None) -> IdentityRules:
    try:
        return definitions.load(folder).identity
    except definitions.DefinitionErrors as errors:
        raise click.ClickException(str(errors)) from None


def _planned(settings: Settings, workspace: str, rules: IdentityRules, examples: int) -> tuple[RulesPlan, int]:
    try:
        with Warehouse(settings.clickhouse, answer_timeout_s=None) as warehouse:
            history = History(warehouse, workspace)
            present = history.present()
            decided = simulate(workspace, history.observed(), present, rules)
            comparison = RulesComparison(workspace, present, decided, rules)
            return comparison.plan(history.profile_of(comparison.identifiers), examples), history.profiles()
    except OnefoldError as error:
        raise lookup_failure(error) from error


def _check_that_the_stack_runs_with(rules: IdentityRules, folder: Path | None, settings: Settings) -> None:
    running = {_rules(settings.definitions).version, *_versions_at_the_worker(settings)}
    if running != {rules.version}:
        others = ", ".join(sorted(running - {rules.version}))
        wanted = f"those of {folder}" if folder else "the default ones"
        raise click.ClickException(
            f"the stack runs with other rules ({others}) than {wanted} ({rules.version}): restart it with these"
            " definitions first, or new events go by the old rules"
        )


def _versions_at_the_worker(settings: Settings) -> set[str]:
    """Return the rules of the worker that answers on this machine; none if no worker does."""
    return {sample.labels["version"] for sample in worker_samples(settings, RULES) or ()}


def _confirm(summary: PlanSummary, yes: bool) -> None:
    if not yes:
        question = f"{merges_text(summary)}, {unmerges_text(summary)}, under the rules {summary.rule_version}. Apply?"
        click.confirm(question, abort=True, err=True)


def _applied(settings: Settings, workspace: str, plan: RulesPlan, timeout_s: float) -> RequestOutcome:
    """Send the requests; the last request changes nothing, so that its answer shows that all before it are decided."""
    ends_at = time.monotonic() + timeout_s
    reason = f"rules {plan.rule_version}"
    at = now_ms()
    end = IdentityRequest(workspace, "", OPERATOR, at, (), "retract", reason=reason)
    requests = (*plan.requests.requests(workspace, at, reason), end)
    request_id = f"{PLANS}{new_request_id()}"
    ids = iter(numbered(request_id, sum(request.kind == "retract" for request in requests)))
    named = tuple(
        msgspec.structs.replace(request, request_id=next(ids)) if request.kind == "retract" else request
        for request in requests
    )
    outcome = send_and_follow(settings, OperatorRequest(request_id, named), timeout_s)
    _wait_until_visible(settings, ends_at)
    return outcome


def _wait_until_visible(settings: Settings, ends_at: float) -> None:
    try:
        progress = PipelineProgress(settings)
        while progress.lagging():
            if time.monotonic() > ends_at:
                click.echo("applied, but not all of it is in ClickHouse yet: see 'onefold drain'", err=True)
                return
            time.sleep(POLL_S)
    except OnefoldError as error:
        raise click.ClickException(failure(error)) from error
