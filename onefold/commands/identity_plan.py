"""`onefold identity plan`: what other rules would make of the history, and the way there."""

import time
from collections.abc import Sequence
from pathlib import Path

import click
import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families
from rich.text import Text
from rich.tree import Tree

import definitions
from api.requests import RequestOutcome
from embedded.terminal import results
from identity.plan.differences import PersonChange, RulesComparison, RulesPlan, Tie
from identity.plan.replay import replay
from identity.rules import IdentityRules
from onefold.lookups import lookup_failure
from onefold.progress import PipelineProgress
from onefold.requests import OperatorRequest, new_request_id, now_ms, send_and_follow
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.unreachable import failure
from onefold.wording import count, in_words, json_text
from runtime.errors import OnefoldError
from runtime.literal import literal
from schemas.changes import PLANS, numbered
from schemas.records import Identifier, IdentityRequest
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.history import History

WORKER_TIMEOUT_S = 2.0
POLL_S = 0.2
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class PlanSummary(msgspec.Struct, frozen=True):
    """What is printed: the plan without its requests, and how many those are."""

    rule_version: str
    merges: int
    unmerges: int
    identifiers: int
    profiles: int
    unchanged_profiles: int
    merge_examples: tuple[PersonChange, ...]
    unmerge_examples: tuple[PersonChange, ...]
    largest: tuple[tuple[Identifier, ...], ...]
    newly_shared: tuple[Identifier, ...]
    stay_shared: tuple[Identifier, ...]
    uncertain: int
    retract: int
    link: int
    applied: RequestOutcome | None = None


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
    summary = _summary(differences, profiles, examples)
    if not as_json:
        results().print(_tree(summary))
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
            decided = replay(workspace, history.observed(), present, rules)
            comparison = RulesComparison(workspace, present, decided, rules)
            return comparison.plan(history.profile_of(comparison.identifiers), examples), history.profiles()
    except OnefoldError as error:
        raise lookup_failure(error) from error


# -- applying it


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
    """The rules of the worker that answers on this machine; none if no worker does."""
    try:
        address = f"http://{settings.serving.http_host}:{settings.serving.worker_metrics_port}/metrics"
        answer = httpx.get(address, timeout=WORKER_TIMEOUT_S).text
    except httpx.HTTPError:
        return set()
    families = text_string_to_metric_families(answer)
    return {
        sample.labels["version"]
        for family in families
        if family.name == "onefold_identity_rules"
        for sample in family.samples
    }


def _confirm(summary: PlanSummary, yes: bool) -> None:
    if not yes:
        question = f"{_merges(summary)}, {_unmerges(summary)}, under the rules {summary.rule_version}. Apply?"
        click.confirm(question, abort=True, err=True)


def _applied(settings: Settings, workspace: str, plan: RulesPlan, timeout_s: float) -> RequestOutcome:
    """Send the requests; the last request changes nothing, so that its answer shows that all before it are decided."""
    ends_at = time.monotonic() + timeout_s
    reason = f"rules {plan.rule_version}"
    at = now_ms()
    end = IdentityRequest(workspace, "", "operator", at, (), "retract", reason=reason)
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


# -- what is printed


def _summary(plan: RulesPlan, profiles: int, examples: int) -> PlanSummary:
    return PlanSummary(
        plan.rule_version,
        len(plan.merges),
        len(plan.unmerges),
        plan.identifiers,
        plan.profiles,
        max(0, profiles - plan.profiles),
        plan.merges[:examples],
        plan.unmerges[:examples],
        plan.largest[:examples],
        plan.newly_shared,
        plan.stay_shared,
        len(plan.uncertain),
        len(plan.requests.retract),
        len(plan.requests.link),
    )


def _merges(summary: PlanSummary) -> str:
    return f"{count(summary.merges, 'person')} of several profiles"


def _unmerges(summary: PlanSummary) -> str:
    return f"{count(summary.unmerges, 'profile')} in several persons"


def _tree(summary: PlanSummary) -> Tree:
    tree = Tree(Text(f"Rules {summary.rule_version}", style="bold"))
    if not (summary.retract or summary.link):
        tree.add(f"Nothing to change: {count(summary.unchanged_profiles, 'profile')} as under these rules")
        _add_shared(tree, summary)
        return tree
    tree.add(f"{_merges(summary)}, {_unmerges(summary)}")
    tree.add(
        f"{count(summary.identifiers, 'identifier')} would come to another profile;"
        f" {count(summary.profiles, 'profile')} concerned, {summary.unchanged_profiles:,} unchanged"
    )
    for title, changes in (
        ("Would become one", summary.merge_examples),
        ("Would be unmerged", summary.unmerge_examples),
    ):
        if changes:
            node = tree.add(Text(title, style="bold"))
            for change in changes:
                _add_change(node, change)
    if summary.largest:
        node = tree.add(Text("Largest new persons", style="bold"))
        for person in summary.largest:
            node.add(f"{count(len(person), 'identifier')}: {_person(person)}")
    _add_shared(tree, summary)
    if summary.uncertain:
        tree.add(
            Text(f"{count(summary.uncertain, 'identifier')} may need a second plan after this one", style="yellow")
        )
    tree.add(f"--apply takes {count(summary.retract, 'pair')} back, then shows {count(summary.link, 'pair')} again")
    return tree


def _add_shared(tree: Tree, summary: PlanSummary) -> None:
    for devices, words in (
        (summary.newly_shared, "would be found shared"),
        (summary.stay_shared, "would not be found shared under these rules, but were, and stay so"),
    ):
        if devices:
            tree.add(f"{count(len(devices), 'device')} {words}: {_person(devices)}")


def _add_change(tree: Tree, change: PersonChange) -> None:
    node = tree.add(Text(literal(" + ".join(change.profiles[:_SHOWN])) or "no profile yet"))
    for person in change.persons[:_SHOWN]:
        node.add(Text(_person(person), style="cyan"))
    for tie in change.ties:
        node.add(Text(_tie(tie)))


_SHOWN = 10


def _person(person: Sequence[Identifier]) -> str:
    more = f" and {len(person) - _SHOWN:,} more" if len(person) > _SHOWN else ""
    return literal(", ".join(map(str, person[:_SHOWN])) + more)


def _tie(tie: Tie) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(tie.occurred_at / 1000))
    words = literal(f"{tie.left} + {tie.right}  message {tie.message_id} of {at} from {tie.source}")
    return f"{words}: {in_words(tie.reason)}" if tie.reason else words
