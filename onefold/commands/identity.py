"""`onefold identity`: devices as entities, and what waits for a review."""

from pathlib import Path

import click
from rich.text import Text
from rich.tree import Tree

from api.identifiers import identity_rules, queried_identifier, unusable_reason
from onefold.lazy import LazyGroup
from onefold.lookups import look_up
from onefold.printing import print_tree
from onefold.running import data_dir_option
from onefold.wording import count, in_words, json_text, shown_event
from runtime.literal import literal
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.devices import Devices, find_devices
from warehouse.queries.quarantine import LinkEnd, Quarantine, find_quarantine

COMMANDS = {
    "devices": ("onefold.commands.identity:devices", "Show who signed in on which device."),
    "plan": ("onefold.commands.identity_plan:plan", "Show what other rules would change, and apply it."),
    "status": ("onefold.commands.identity_status:status", "Show what has become of a request."),
    "quarantine": ("onefold.commands.identity:quarantine", "Review what waits."),
    "allow": ("onefold.commands.ways_back:allow", "Keep two persons apart no more."),
    "unshare": ("onefold.commands.ways_back:unshare", "Make a shared device one like any other."),
}
QUARANTINE_COMMANDS = {
    "list": ("onefold.commands.identity:list_waiting", "Show what waits for a review."),
    "accept": ("onefold.commands.quarantine:accept", "Follow evidence that waits."),
    "refuse": ("onefold.commands.quarantine:refuse", "Do not follow evidence that waits."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def identity() -> None:
    """Who is who: devices, requests, and what waits for a review."""


@click.group(cls=LazyGroup, lazy=QUARANTINE_COMMANDS)
def quarantine() -> None:
    """Links that a cap or a suspicious fan-in held back."""


@click.command()
@click.argument("identifier", metavar="[NAMESPACE:VALUE]", required=False)
@click.option("--shared", is_flag=True, help="Only devices that several persons use.")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the devices as one JSON object.")
@data_dir_option
def devices(identifier: str | None, shared: bool, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show who signed in on which device, since when, and whether it is shared; the latest first.

    \b
    Examples:
      onefold identity devices --shared
      onefold identity devices cookie:tablet-1 --json
    """

    def query(settings: Settings) -> tuple[Devices | None, str]:
        device = None if identifier is None else queried_identifier(identifier, settings.definitions)
        rules = identity_rules(settings.definitions)
        found = find_devices(look_ups(settings.clickhouse), workspace, rules, device=device, shared=shared)
        return found, "" if found or identifier is None else unusable_reason(identifier, settings.definitions)

    result, why = look_up(query, workspace, data_dir)
    if result is None:
        message = f"nobody in workspace {workspace!r} has {identifier}{f': {why}' if why else ''}"
        raise click.ClickException(literal(message))
    if as_json:
        click.echo(json_text(result))
    else:
        print_tree(_devices_tree(result, shared))


@click.command()
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print what waits as one JSON object.")
@data_dir_option
def list_waiting(workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show the links that wait for a review, in the order of their decisions.

    \b
    Examples:
      onefold identity quarantine list
      onefold identity quarantine list --json
    """
    result = look_up(lambda settings: find_quarantine(look_ups(settings.clickhouse), workspace), workspace, data_dir)
    if as_json:
        click.echo(json_text(result))
    else:
        print_tree(_quarantine_tree(result))


def _devices_tree(devices: Devices, shared: bool) -> Tree:
    tree = Tree(Text(count(len(devices.devices), "shared device" if shared else "device"), style="bold"))
    for device in devices.devices:
        state = f"shared since {device.shared_since}" if device.shared else "not shared"
        profile = f"profile {device.profile_id}" if device.profile_id else "no profile yet"
        name = literal(f"{device.namespace}:{device.value}")
        node = tree.add(Text.assemble((name, "cyan"), f"  {state}, {profile}"))
        for person in device.persons:
            tied = "tied to it" if person.status == "active" else f"{person.status}, {in_words(person.reason)}"
            name = literal(f"{person.namespace}:{person.value}")
            node.add(Text.assemble((name, "cyan"), f"  since {person.since}, {tied}"))
        if not device.persons:
            node.add("nobody signed in on it")
        for owner in device.owners:
            name = literal(f"{owner.namespace}:{owner.value}")
            node.add(Text.assemble("owned by ", (name, "cyan"), f" from {owner.since} on"))
    if devices.cut:
        tree.add(Text("There is more than is shown here.", style="yellow"))
    return tree


def _quarantine_tree(quarantine: Quarantine) -> Tree:
    title = (
        f"{count(len(quarantine.waiting), 'link')} waiting for a review"
        if quarantine.waiting
        else "nothing waits for a review"
    )
    tree = Tree(Text(title, style="bold"))
    for link in quarantine.waiting:
        node = tree.add(Text.assemble(_side(link.left), " + ", _side(link.right), f"  {in_words(link.reason)}"))
        node.add(Text(f"{shown_event(link)}, decision {link.decision}"))
        for side in (link.left, link.right):
            node.add(
                Text.assemble(_side(side), f"  {f'profile {side.profile_id}' if side.profile_id else 'no profile yet'}")
            )
    if quarantine.cut:
        tree.add(Text("There is more than is shown here.", style="yellow"))
    return tree


def _side(side: LinkEnd) -> tuple[str, str]:
    return literal(f"{side.namespace}:{side.value}"), "cyan"
