"""`onefold explain identity`: why identifiers are one person, as a tree or as JSON."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text
from rich.tree import Tree

from api.identifiers import asked_identifier, identity_rules
from embedded.terminal import results
from onefold.lazy import LazyGroup
from onefold.running import check_workspace_to_read, data_dir_option, running_settings
from onefold.wording import count, in_words, json_text, pair, shown_event
from runtime.errors import OnefoldError
from runtime.literal import literal
from warehouse.client import look_ups
from warehouse.queries.explanation import Explanation, ShownChange, ShownIdentifier
from warehouse.queries.explanation import explain as find_explanation
from warehouse.queries.links import ShownLink

COMMANDS = {
    "identity": ("onefold.commands.explain:identity", "Show why identifiers are one person."),
}
_DONE = {
    "merged": "merged",
    "unmerged": "parted",
    "shared": "shared device",
    "quarantined": "quarantined",
    "refused": "not followed",
    "released": "accepted",
    "rejected": "rejected",
    "nothing": "nothing changed",
    "rebuilt": "rebuilt",
    "attributed": "handed on",
    "reattributed": "reattributed out anew",
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def explain() -> None:
    """Show why something is as it is."""


@click.command()
@click.argument("identifier", metavar="NAMESPACE:VALUE")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as one JSON object.")
@data_dir_option
def identity(identifier: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show why an identifier is whose it is: the evidence that ties it to others, what was not followed, and why.

    \b
    Examples:
      onefold explain identity user_id:42
      onefold explain identity email:ada@example.com --json
    """
    settings = running_settings(data_dir)
    check_workspace_to_read(settings, workspace)
    try:
        name = asked_identifier(identifier, settings.definitions)
        found = find_explanation(look_ups(settings.clickhouse), workspace, name, identity_rules(settings.definitions))
    except ValueError as error:
        raise click.BadParameter(literal(error), param_hint="NAMESPACE:VALUE") from None
    except OnefoldError as error:
        raise click.ClickException(f"{literal(error)} (is a stack running? 'onefold up' starts one)") from error
    if found is None:
        why = identity_rules(settings.definitions).why_nobody(name)
        raise click.ClickException(
            literal(f"nobody in workspace {workspace!r} has {identifier}{f': {why}' if why else ''}")
        )
    if as_json:
        click.echo(json_text(found))
    else:
        results().print(_tree(found))


def _tree(found: Explanation) -> Tree:
    profile = f"profile {found.profile_id}" if found.profile_id else "no profile yet"
    tree = Tree(Text.assemble((literal(found.identifier), "bold"), f"  {profile}"))
    identifiers = _branch(tree, count(len(found.identifiers), "identifier"))
    for member in found.identifiers:
        identifiers.add(_member(member, found.profile_id))
    if len(found.identifiers) == 1:
        tree.add("It stands alone: no evidence in force ties it to another identifier.")
    _add_links(tree, "tied by {}", found.links)
    _add_links(tree, "{} not followed", found.refused)
    _add_links(tree, "{} taken back", found.retracted)
    _add_links(tree, "{} waiting for a review", found.waiting)
    if found.shared:
        devices = _branch(tree, f"shared: {count(len(found.shared), 'device')}")
        for device in found.shared:
            name = literal(f"{device.namespace}:{device.value}")
            devices.add(Text.assemble((name, "cyan"), f"  since {device.since}, decision {device.decision}"))
    if found.changes:
        history = _branch(tree, count(len(found.changes), "decision"))
        for change in found.changes:
            _add_change(history, change)
    if found.cut:
        tree.add(Text("There is more than is shown here.", style="yellow"))
    return tree


def _branch(tree: Tree, title: str) -> Tree:
    return tree.add(Text(title, style="bold"))


def _member(member: ShownIdentifier, profile_id: str | None) -> Text:
    notes = [member.kind or "of a namespace that the rules do not know"]
    if member.shared:
        notes.append("shared")
    if member.profile_id != profile_id:
        notes.append(f"still shown by profile {member.profile_id}" if member.profile_id else "in no profile yet")
    return Text.assemble((literal(f"{member.namespace}:{member.value}"), "cyan"), f"  {', '.join(notes)}")


def _add_links(tree: Tree, title: str, links: Iterable[ShownLink]) -> None:
    links = list(links)
    if not links:
        return
    branch = _branch(tree, title.format(count(len(links), "link")))
    for link in links:
        reason = f"  {in_words(link.reason)}" if link.reason else ""
        node = branch.add(Text.assemble(pair(link.left, link.right), reason))
        node.add(Text(f"{shown_event(link)}, {_decided(link)}"))


def _decided(link: ShownLink) -> str:
    before = [f"decision {one.decision}: {one.status}" for one in link.earlier]
    request = f" at request {link.request_id}" if link.request_id else ""
    if not before:
        return literal(f"decision {link.decision}{request}")
    return literal(", ".join([*before, f"decision {link.decision}: {link.status}{request}"]))


def _add_change(history: Tree, change: ShownChange) -> None:
    title = f"{change.decision}: {_DONE.get(change.kind, change.kind)}"
    if change.identifiers:
        title += f" {' + '.join(map(str, change.identifiers))}"
    if change.kind == "rebuilt":
        title += f" from {count(change.events, 'event')} in {change.milliseconds:,} ms"
    node = history.add(Text(literal(f"{title}, {change.occurred_at}")))
    if change.retired:
        node.add(Text(literal(f"profile {change.profile_id} in the place of {', '.join(change.retired)}")))
    if change.kind == "attributed":
        for person, claimant in zip(change.identifiers[1:], change.claimants, strict=False):
            since = datetime.fromtimestamp((claimant.claims[0].since or 0) / 1000, UTC)
            node.add(Text(literal(f"its events are {person}'s from {since:%Y-%m-%d %H:%M:%S}Z on")))
    elif change.claimants:
        node.add(
            Text(literal(f"events shared out to {', '.join(claimant.profile_id for claimant in change.claimants)}"))
        )
    cause = []
    if change.reason:
        # GRAPH's own reasons are codes, an operator's are free text.
        cause.append(literal(f'"{change.reason}"') if change.request_id else in_words(change.reason))
    if change.request_id:
        cause.append(literal(f"request {change.request_id}"))
    if change.message_id:
        cause.append(literal(f"message {change.message_id} from {change.source}"))
    if cause:
        node.add(Text(", ".join(cause)))
