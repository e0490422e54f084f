"""`onefold explain identity`: why identifiers are one person, as a tree or as JSON."""

from collections.abc import Iterable
from pathlib import Path

import click
from rich.text import Text
from rich.tree import Tree

from api.identifiers import identity_rules, queried_identifier, unusable_reason
from definitions.streaming.times import text_of
from onefold.lazy import LazyGroup
from onefold.lookups import look_up
from onefold.printing import print_tree
from onefold.running import data_dir_option
from onefold.wording import count, in_words, json_text, pair, shown_event
from runtime.literal import literal
from schemas.records import Claim
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.explanation import Explanation, ShownChange, ShownIdentifier
from warehouse.queries.explanation import explain as find_explanation
from warehouse.queries.links import ShownLink

COMMANDS = {
    "identity": ("onefold.commands.explain:identity", "Show why identifiers are one person."),
    "segment": ("onefold.commands.explain_definitions:segment", "Show why somebody is in a segment, or is not."),
    "trait": ("onefold.commands.explain_definitions:trait", "Show of what the value of a trait is made."),
    "delivery": (
        "onefold.commands.explain_delivery:delivery",
        "Show how a delivery came about, and what became of it.",
    ),
    "trigger": ("onefold.commands.explain_definitions:trigger", "Show when a trigger fired, and its condition now."),
}
_DONE = {
    "merged": "merged",
    "unmerged": "unmerged",
    "shared": "shared device",
    "quarantined": "quarantined",
    "refused": "not followed",
    "accepted": "accepted",
    "nothing": "nothing changed",
    "rebuilt": "rebuilt",
    "attributed": "attributed",
    "reattributed": "reattributed",
    "allowed": "allowed again",
    "unshared": "no shared device any more:",
    "recounted": "recounted",
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

    def query(settings: Settings) -> tuple[Explanation | None, str]:
        queried = queried_identifier(identifier, settings.definitions)
        rules = identity_rules(settings.definitions)
        explanation = find_explanation(look_ups(settings.clickhouse), workspace, queried, rules)
        return explanation, "" if explanation else unusable_reason(identifier, settings.definitions)

    explanation, why = look_up(query, workspace, data_dir)
    if explanation is None:
        message = f"nobody in workspace {workspace!r} has {identifier}{f': {why}' if why else ''}"
        raise click.ClickException(literal(message))
    if as_json:
        click.echo(json_text(explanation))
    else:
        print_tree(_tree(explanation))


def _tree(explanation: Explanation) -> Tree:
    profile = f"profile {explanation.profile_id}" if explanation.profile_id else "no profile yet"
    tree = Tree(Text.assemble((literal(explanation.identifier), "bold"), f"  {profile}"))
    identifiers = _branch(tree, count(len(explanation.identifiers), "identifier"))
    for member in explanation.identifiers:
        identifiers.add(_member(member, explanation.profile_id))
    if len(explanation.identifiers) == 1:
        tree.add("It stands alone: no evidence in force ties it to another identifier.")
    _add_links(tree, "tied by {}", explanation.links)
    _add_links(tree, "{} not followed", explanation.refused)
    _add_links(tree, "{} taken back", explanation.retracted)
    _add_links(tree, "{} waiting for a review", explanation.waiting)
    if explanation.shared:
        devices = _branch(tree, f"shared: {count(len(explanation.shared), 'device')}")
        for device in explanation.shared:
            name = literal(f"{device.namespace}:{device.value}")
            devices.add(Text.assemble((name, "cyan"), f"  since {device.since}, decision {device.decision}"))
    if explanation.changes:
        history = _branch(tree, count(len(explanation.changes), "decision"))
        for change in explanation.changes:
            _add_change(history, change)
    if explanation.cut:
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
    before = [f"decision {earlier.decision}: {earlier.status}" for earlier in link.earlier]
    request = f" at request {link.request_id}" if link.request_id else ""
    if not before:
        return literal(f"decision {link.decision}{request}")
    return literal(", ".join([*before, f"decision {link.decision}: {link.status}{request}"]))


def _owner(person: str, claim: Claim) -> str:
    since = text_of(claim.since or 0)
    if claim.until is not None:
        return f"it does not become {person}'s at {since} any more"
    return f"its events are {person}'s from {since} on"


def _add_change(history: Tree, change: ShownChange) -> None:
    title = f"{change.decision}: {_DONE.get(change.kind, change.kind)}"
    if change.identifiers:
        title += f" {' + '.join(map(str, change.identifiers))}"
    if change.kind == "rebuilt":
        title += f" from {count(change.events, 'event')} in {change.milliseconds:,} ms"
    node = history.add(Text(literal(f"{title}, {change.occurred_at}")))
    if change.retired:
        node.add(Text(literal(f"profile {change.profile_id} in place of {', '.join(change.retired)}")))
    if change.kind == "attributed":
        for person, claimant in zip(change.identifiers[1:], change.claimants, strict=False):
            node.add(Text(literal(_owner(str(person), claimant.claims[0]))))
    elif change.claimants:
        node.add(
            Text(literal(f"events shared out to {', '.join(claimant.profile_id for claimant in change.claimants)}"))
        )
    cause = []
    if change.reason:
        # GRAPH's own reasons are codes, an operator's are free text.
        by_operator = change.request_id and change.kind != "rebuilt"
        cause.append(literal(f'"{change.reason}"') if by_operator else in_words(change.reason))
    if change.request_id:
        cause.append(literal(f"request {change.request_id}"))
    if change.message_id:
        cause.append(literal(f"message {change.message_id} from {change.source}"))
    if cause:
        node.add(Text(", ".join(cause)))
