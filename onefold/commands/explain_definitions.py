"""`onefold explain segment|trait|trigger`: why a definition says of somebody what it says, as a tree or as JSON."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click
import msgspec
from rich.text import Text
from rich.tree import Tree

from api.across import ExplainedAcross, ShownValue, explained_across
from api.explaining import ExplainedDefinition, ShownFiring, Subject, explained, why_not_across
from api.identifiers import unusable_reason
from definitions.explaining.explain import Explained, ExplainedTrait, ShownEvent
from definitions.explaining.triggers import ExplainedTrigger
from onefold.lookups import look_up
from onefold.printing import print_tree
from onefold.running import data_dir_option
from onefold.wording import count, json_text
from runtime.literal import literal
from settings import Settings

_MOST_SHOWN = 200
"""Of the value of an event so many characters are printed; `--json` has it whole."""

_Command = Callable[..., None]


def _common(command: _Command) -> _Command:
    for decorate in (
        data_dir_option,
        click.option("--json", "as_json", is_flag=True, help="Print the explanation as one JSON object."),
        click.option("--workspace", default="main", show_default=True),
    ):
        command = decorate(command)
    return command


def _options(command: _Command) -> _Command:
    for decorate in (
        _common,
        click.argument("identifier", metavar="NAMESPACE:VALUE|PROFILE_ID"),
        click.argument("name", metavar="NAME"),
    ):
        command = decorate(command)
    return command


@click.command()
@_options
def segment(name: str, identifier: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show why somebody is in a segment or is not: each part of its condition, what it sees, and until when it lasts.

    The definitions are evaluated once more over the person's events in ClickHouse; beside it stands what was published.

    \b
    Examples:
      onefold explain segment big_spenders user_id:42
      onefold explain segment cart_abandoners email:ada@example.com --json
    """
    _explain("segment", name, identifier, workspace, as_json, data_dir)


@click.command()
@_options
def trait(name: str, identifier: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show of what the value of a trait is made: the events, or the case of a rule that holds.

    \b
    Example:
      onefold explain trait lifetime_value user_id:42
    """
    _explain("trait", name, identifier, workspace, as_json, data_dir)


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("identifier", metavar="[NAMESPACE:VALUE|PROFILE_ID|VALUE]", required=False)
@_common
def trigger(name: str, identifier: str | None, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show when a trigger fired for somebody, because of what, and what its condition sees now.

    Of a trigger across persons: the numbers of its values now against what is usual, of one value or of the largest.
    Values are written as JSON: a text in quotation marks.

    \b
    Examples:
      onefold explain trigger payment_failed user_id:42
      onefold explain trigger view_spike
      onefold explain trigger view_spike sku-42
    """
    value = identifier or ""

    def query(settings: Settings) -> ExplainedAcross | None:
        found = explained_across(settings, workspace, name, value)
        if found is None and identifier is None:
            raise why_not_across(settings, workspace, name)
        return found

    across = look_up(query, workspace, data_dir)
    if across is None:
        _explain("trigger", name, value, workspace, as_json, data_dir)
    elif as_json:
        click.echo(json_text(across))
    else:
        print_tree(across_tree(across))


def _explain(  # noqa: PLR0913, PLR0917 - the options of a command
    subject: Subject, name: str, identifier: str, workspace: str, as_json: bool, data_dir: Path | None
) -> None:
    def query(settings: Settings) -> tuple[ExplainedDefinition | None, str]:
        found = explained(settings, workspace, subject, name, identifier)
        return found, "" if found else unusable_reason(identifier, settings.definitions)

    explanation, why = look_up(query, workspace, data_dir)
    if explanation is None:
        message = f"workspace {workspace!r} has no profile with {identifier}{f': {why}' if why else ''}"
        raise click.ClickException(literal(message))
    if as_json:
        click.echo(json_text(explanation))
    else:
        print_tree(explanation_tree(explanation))


def explanation_tree(explanation: ExplainedDefinition) -> Tree:
    """Return an explanation as it is printed."""
    tree = Tree(Text.assemble((literal(explanation.name), "bold"), f"  profile {explanation.profile_id}"))
    tree.add(Text(f"as of {explanation.at}, definitions of version {explanation.version}"))
    if explanation.subject == "segment":
        since = explanation.member_since
        tree.add(Text(f"member since {since}" if since else "no member", style="green" if since else "yellow"))
    if explanation.trigger is not None:
        tree.add(Text(literal("; ".join((f"fires {explanation.trigger.says}", *explanation.trigger.limits)))))
    if explanation.condition is not None:
        _add_part(tree, explanation.condition)
    if explanation.trait is not None:
        made = explanation.trait
        node = tree.add(Text.assemble((_json(made.value), "bold"), f"  {literal(made.says)}{_until(made)}"))
        for part in made.parts:
            _add_part(node, part)
        for read in made.reads:
            node.add(Text.assemble(literal(read.trait), (f"  {_json(read.value)}", "cyan")))
        _add_events(node, made.events, made.counted)
        _add_mistyped(node, made)
    if explanation.trigger is not None:
        _add_firings(tree, explanation.trigger, explanation.fired)
    if explanation.cut:
        tree.add(Text("The profile has more events than were read: counts may be higher.", style="yellow"))
    return tree


def _add_firings(tree: Tree, trigger: ExplainedTrigger, fired: Sequence[ShownFiring]) -> None:
    for occasion in trigger.occasions:
        named = f"{occasion.at}  {_named(occasion.event)}" if occasion.event else f"holds since {occasion.at}"
        tree.add(Text(literal(f"{named}: {occasion.outcome}")))
    _add_mistyped(tree, trigger)
    for firing in fired:
        cause = _named(firing.event) if firing.event else firing.cause
        node = tree.add(Text(f"fired at {firing.fired_at}, because of {literal(cause)}: {_json(firing.payload)}"))
        for key, reason in firing.missing.items():
            node.add(Text(literal(f"without {key}: {reason}"), style="yellow"))
    if not fired:
        missing = "" if trigger.occasions or not trigger.says.startswith("for each") else ": there is no such event"
        tree.add(Text(f"It has not fired{missing}."))


def _named(event: ShownEvent) -> str:
    return f"{event.event or event.type}  {event.source} {event.message_id}"


def across_tree(explanation: ExplainedAcross) -> Tree:
    """Return what a trigger across persons sees as it is printed."""
    tree = Tree(Text.assemble((literal(explanation.trigger), "bold"), f"  {literal(explanation.says)}"))
    queried = f"evaluated up to {explanation.evaluated_to}" if explanation.evaluated_to else "not evaluated so far"
    tree.add(Text(f"as of {explanation.at}, definitions of version {explanation.version}; {queried}"))
    for each in explanation.values:
        tree.add(_value_line(each))
    if not explanation.values:
        tree.add(Text("There is no such event in the window."))
    for firing in explanation.fired:
        of = "" if firing.value is None else f" for {_json(firing.value)}"
        tree.add(Text(f"fired at {firing.fired_at}{of}: {_json(firing.payload)}"))
    if not explanation.fired:
        tree.add(Text("It has not fired."))
    return tree


def _value_line(shown: ShownValue) -> Text:
    mark = ("yes ", "green") if shown.holds else ("no  ", "red")
    usual = "" if shown.usual is None else f", usually {shown.usual:,.2f}"
    since = f"  holds since {shown.since}" if shown.since else ""
    fired = f"  fired at {shown.fired_at}" if shown.fired_at else ""
    value = "all" if shown.value is None else _json(shown.value)
    return Text.assemble(mark, (value, "bold"), f"  {shown.number:,}{usual}{since}{fired}")


def _add_part(tree: Tree, part: Explained) -> None:
    mark = ("yes ", "green") if part.holds else ("no  ", "red")
    of = "" if part.same is None else f" of {_json(part.same)}"
    sees = "" if part.value is None else f"  sees {_json(part.value)}{of}"
    node = tree.add(Text.assemble(mark, literal(part.says), (sees, "cyan"), _until(part)))
    for inner in part.parts:
        _add_part(node, inner)
    _add_events(node, part.events, part.counted)
    _add_mistyped(node, part)


def _add_events(tree: Tree, events: Sequence[ShownEvent], counted: int) -> None:
    for event in events:
        tree.add(Text(_shown(event), style="dim"))
    if counted > len(events) > 0:
        tree.add(Text(f"and {count(counted - len(events), 'earlier event')}", style="dim"))


def _add_mistyped(tree: Tree, explained: Explained | ExplainedTrait | ExplainedTrigger) -> None:
    """Show the events that do not count, or not wholly, because of the type of a value."""
    for event in explained.mistyped:
        tree.add(Text(f"left out, of a wrong type: {_shown(event)}", style="yellow"))
    more = explained.mistyped_counted - len(explained.mistyped)
    if more:
        tree.add(Text(f"and {count(more, 'earlier event')} left out, of a wrong type", style="yellow"))


def _shown(event: ShownEvent) -> str:
    text = "" if event.value is None else msgspec.json.encode(event.value).decode()
    value = f": {text if len(text) <= _MOST_SHOWN else f'{text[:_MOST_SHOWN]}...'}" if text else ""
    return literal(f"{event.occurred_at}  {event.event or event.type}{value}  {event.source} {event.message_id}")


def _json(value: object) -> str:
    return literal(msgspec.json.encode(value).decode())


def _until(explained: Explained | ExplainedTrait) -> str:
    if explained.until is None:
        return ""
    return f"  {'at least ' if explained.at_least else ''}until {explained.until}"
