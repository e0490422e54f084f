"""The command line: names the commands, and prints errors as one line.

What a command does is in `onefold/commands/`, one file each.
"""

import warnings

import click
from authlib.deprecate import AuthlibDeprecationWarning  # type: ignore[import-untyped]

from embedded.errors import StackError
from onefold.lazy import LazyGroup
from runtime.output import guard_output
from settings import SettingsError

# Command -> where it is, and what `onefold --help` says of it without loading it.
COMMANDS = {
    "up": ("onefold.commands.up:up", "Start the whole stack on this machine, until Ctrl-C."),
    "env": ("onefold.commands.env:env", "Print addresses and keys of the stack for a shell."),
    "demo": ("onefold.commands.demo:demo", "Start the stack, import real purchases, play a live shop."),
    "import": ("onefold.commands.import_:import_", "Import a file of past events."),
    "bounces": ("onefold.commands.bounces:bounces", "Turn mails that came back into events."),
    "sql": ("onefold.commands.sql:sql", "Query ClickHouse."),
    "profile": ("onefold.commands.profile:profile", "Show the profile of a person."),
    "segment": ("onefold.commands.segment:segment", "Show who is in which segment, since when; write it to a file."),
    "explain": ("onefold.commands.explain:explain", "Show why something is as it is."),
    "identity": ("onefold.commands.identity:identity", "Look at devices, requests and what waits for a review."),
    "unmerge": ("onefold.commands.unmerge:unmerge", "Take apart what was taken for one person."),
    "merge": ("onefold.commands.merge:merge", "Make one person of two."),
    "consent": ("onefold.commands.consent:group", "Show and set what people want to be sent."),
    "definitions": (
        "onefold.commands.definitions:group",
        "Check definitions, show versions of them, go back to one.",
    ),
    "destination": ("onefold.commands.destination:destination", "Check destinations, try one, send what is missing."),
    "deliveries": (
        "onefold.commands.deliveries:deliveries",
        "Show what became of deliveries; replay them; pause a destination.",
    ),
    "fates": ("onefold.commands.fates:fates", "Prove that no event and no delivery is missing."),
    "verify": ("onefold.commands.verify:verify", "Compare what definitions have come to with SQL."),
    "plan": ("onefold.commands.plan:plan", "Show what a folder of definitions would change."),
    "apply": ("onefold.commands.apply:apply", "Apply a folder of definitions."),
    "workspaces": ("onefold.commands.workspaces:workspaces", "Make the file of who may send and read."),
    "drain": ("onefold.commands.drain:drain", "Wait until everything accepted is in ClickHouse."),
    "migrate": ("onefold.commands.migrate:migrate", "Bring ClickHouse's tables up to date, make dropped ones again."),
    "maintenance": (
        "onefold.commands.maintenance:maintenance",
        "Do what the warehouse needs from time to time.",
    ),
    "clock": ("onefold.commands.clock:clock", "Move the clock of a workspace on event time."),
    "collector": ("onefold.commands.processes:collector", "Run the collector."),
    "api": ("onefold.commands.processes:api", "Run the API for look-ups and operators' requests."),
    "worker": ("onefold.commands.processes:worker", "Run a worker."),
    "sink": ("onefold.commands.processes:sink", "Run the sink to ClickHouse."),
    "deliverer": ("onefold.commands.processes:deliverer", "Run the deliverer to destinations."),
    "rebuilder": ("onefold.commands.processes:rebuilder", "Run the rebuilder: unmerges, back-fills, mining, triggers."),
}


class CommandLine(LazyGroup):
    """All commands."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what a person can mend is printed as it is, without a traceback."""
        try:
            return super().invoke(ctx)
        except (StackError, SettingsError) as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=CommandLine,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(package_name="onefold", prog_name="onefold")
def onefold() -> None:
    """Onefold folds every event of a person into one profile, within a second.

    \b
    Examples:
      onefold up                                   start the stack, until Ctrl-C
      onefold import cdnow                         import 69,659 real purchases
      onefold sql "SELECT count() FROM profiles"   query ClickHouse
    """


def main() -> None:
    """Run the installed script."""
    guard_output()
    # Of a package of the registry's client that will be renamed: no concern of whoever types a command.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    onefold()
