"""`onefold destination`: look at destinations, and bring one in line with the segments that name it."""

import click

from onefold.lazy import LazyGroup

COMMANDS = {
    "sync": ("onefold.commands.destination_sync:sync", "Send a destination the entries and exits that it lacks."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def destination() -> None:
    """Destinations: where changes of segments and triggers are sent."""
