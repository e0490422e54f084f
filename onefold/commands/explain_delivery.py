"""`onefold explain delivery`: the event, the change that it caused, request and answer, or why nothing was sent."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec
from rich.text import Text
from rich.tree import Tree

from api.explaining_deliveries import AtDestination, ExplainedDelivery, explained_delivery
from api.pausing import read_pauses
from definitions.sets import DefinitionSet
from definitions.sets.topic import ensure_topic, read_publication
from onefold.fates.expected import addressed_by, names_by_destination
from onefold.held_up import held_up, shown_held_up
from onefold.lookups import look_up
from onefold.printing import print_tree
from onefold.running import data_dir_option
from onefold.wording import json_text
from runtime.literal import literal
from schemas.delivery_control import Pauses
from schemas.records.deliveries import NOT_SENT
from settings import Settings
from warehouse.queries.delivered import CausingEvent
from warehouse.queries.deliveries import WholeAttempt

_STYLES = {"delivered": "green", "waiting": "yellow", "superseded": "dim"}
_BY_TIME = {
    "deadline": "because time passed",
    "merge": "because two profiles became one",
    "definition": "because the definitions changed",
    "mining": "because a query found it",
    "rebuild": "because the profile was taken apart",
    "session_end": "because the visit ended",
    "tick": "because of events of several persons",
    "reaffirm": "because what the receiver knows people by has moved between profiles",
    "reinstate": "because the exit of a profile that had its identifiers took it out",
    "sync": "because the destination was brought in line with the segment",
}


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as one JSON object.")
@data_dir_option
def delivery(identifier: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show how a delivery came about, and what became of it: the event, the change, each attempt, or why there is none.

    ID is that of a delivery, or of a change of a segment or a trigger: then at all destinations.

    \b
    Example:
      onefold explain delivery 1f0c5d1f9b0e4b6c8e2f1a3b5c7d9e0f
    """

    def query(settings: Settings) -> tuple[ExplainedDelivery, Pauses]:
        explanation = explained_delivery(settings, workspace, identifier)
        ensure_topic(settings.kafka, settings.replication)
        publication = read_publication(settings.kafka)
        sets = [publication.sets[version] for version in sorted(publication.sets)]
        is_whole = identifier == explanation.activation_id
        return explanation, read_pauses(settings).only({*_waited_for(explanation, sets, is_whole=is_whole)})

    explanation, holding = look_up(query, workspace, data_dir)
    if as_json:
        click.echo(json_text(msgspec.to_builtins(explanation) | shown_held_up(holding)))
    else:
        print_tree(delivery_tree(explanation, holding))


def _waited_for(explanation: ExplainedDelivery, sets: Sequence[DefinitionSet], *, is_whole: bool) -> Iterator[str]:
    """Yield the destinations that are still to hear, by all their names. `is_whole`: also who was sent nothing."""
    of = explanation.activation
    addressed = addressed_by(sets, of.name, of.change, of.definition) if is_whole else set()
    for names in names_by_destination(sets).values():
        fates = [each.fate for each in explanation.destinations if each.destination in names]
        if set(fates) == {"waiting"} or (not fates and not addressed.isdisjoint(names)):
            yield from names


def delivery_tree(explanation: ExplainedDelivery, holding: Pauses) -> Tree:
    """Return an explanation as it is printed. `holding`: what holds up the destinations that are still to hear."""
    activation = explanation.activation
    title = (literal(f"{activation.name} {activation.change}"), "bold")
    tree = Tree(Text.assemble(title, f"  at {activation.happened_at}, decided at {activation.decided_at}"))
    if activation.profile_id:
        tree.add(Text(literal(f"profile {activation.profile_id}")))
    tree.add(Text(literal(_cause(activation.cause, explanation.event))))
    for each in explanation.destinations:
        _add_destination(tree, each)
    holding_up = [*held_up(holding)]
    for line in holding_up:
        tree.add(Text(f"it waits: {line}", style="yellow"))
    if not explanation.destinations and not holding_up:
        tree.add(Text("Nothing was attempted so far: no destination is told of it, or it waits.", style="yellow"))
    return tree


def _cause(cause: str, event: CausingEvent | None) -> str:
    if event is None:
        return _BY_TIME.get(cause, f"because of message {cause}" if cause else "its cause is not kept any more")
    name = event.event or event.type
    return f"because of {name} at {event.occurred_at}, message {event.message_id} from {event.source}"


def _add_destination(tree: Tree, each: AtDestination) -> None:
    style = _STYLES.get(each.fate, "red")
    node = tree.add(Text.assemble((literal(each.destination), "bold"), "  ", (each.fate, style)))
    for attempt in each.attempts:
        _add_attempt(node, attempt, "" if attempt.destination == each.destination else f" as {attempt.destination}")


def _add_attempt(tree: Tree, attempt: WholeAttempt, called: str) -> None:
    number = f"attempt {attempt.attempt}" if attempt.attempt else "not sent"
    status = "" if attempt.status is None else f", status {attempt.status}"
    took = f", after {attempt.took_ms:,} ms" if attempt.took_ms else ""
    reason = f" ({attempt.reason})" if attempt.reason else ""
    due = f", again at {attempt.due_at}" if attempt.due_at else ""
    said = f"{attempt.attempted_at}  {number}{called}: {attempt.outcome}{reason}{status}{took}{due}"
    node = tree.add(Text(literal(said)))
    requested = "not sent: " if attempt.reason in NOT_SENT else "sent: "
    for name, text in (("", attempt.detail), (requested, attempt.request), ("answered: ", attempt.answer)):
        if text:
            node.add(Text("\n".join(map(literal, f"{name}{text}".splitlines())), style="dim"))
