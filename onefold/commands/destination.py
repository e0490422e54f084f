"""`onefold destination`: look at destinations, try one, and bring one in line with the segments that name it."""

import click

from onefold.lazy import LazyGroup

COMMANDS = {
    "list": ("onefold.commands.destination_checks:list_", "Show what is sent where, and what for."),
    "check": ("onefold.commands.destination_checks:check", "Show which secrets and options are missing."),
    "test": ("onefold.commands.destination_trial:trial", "Send one delivery now; show request and answer."),
    "sync": ("onefold.commands.destination_sync:sync", "Send a destination the entries and exits that it lacks."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def destination() -> None:
    """Destinations: where changes of segments and triggers are sent."""
