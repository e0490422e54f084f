"""The command line: names the commands, loads the one that is called, and prints errors as one line.

What a command does is in `onefold/commands/`, one file each.
"""

import importlib
import warnings

import click
from authlib.deprecate import AuthlibDeprecationWarning  # type: ignore[import-untyped]

from embedded.errors import StackError
from settings import SettingsError

# Command -> where it is, and what `onefold --help` says of it without loading it.
COMMANDS = {
    "up": ("onefold.commands.up:up", "Start the whole stack on this machine, until Ctrl-C."),
    "demo": ("onefold.commands.demo:demo", "Start the stack, import real purchases, play a live shop."),
    "import": ("onefold.commands.import_:import_", "Import a file of past events."),
    "sql": ("onefold.commands.sql:sql", "Ask ClickHouse."),
    "profile": ("onefold.commands.profile:profile", "Show the profile of a person."),
    "unmerge": ("onefold.commands.unmerge:unmerge", "Part what was taken for one person."),
    "drain": ("onefold.commands.drain:drain", "Wait until everything accepted is in ClickHouse."),
    "clock": ("onefold.commands.clock:clock", "Move the clock of a workspace on event time."),
    "collector": ("onefold.commands.processes:collector", "Run the collector and the API."),
    "worker": ("onefold.commands.processes:worker", "Run a worker."),
    "sink": ("onefold.commands.processes:sink", "Run the sink to ClickHouse."),
    "rebuilder": ("onefold.commands.processes:rebuilder", "Run the rebuilder of parted profiles."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and loads one only when it is called: `onefold --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """Names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what a person can mend is printed as it is, without a traceback."""
        try:
            return super().invoke(ctx)
        except (StackError, SettingsError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="onefold", prog_name="onefold")
def onefold() -> None:
    """Onefold folds every event of a person into one profile, within a second.

    \b
    Examples:
      onefold up                                   start the stack, until Ctrl-C
      onefold import cdnow                         import 69,659 real purchases
      onefold sql "SELECT count() FROM profiles"   ask ClickHouse
    """


def main() -> None:
    """Entry of the installed script."""
    # Of a package of the registry's client that will be renamed: no concern of whoever types a command.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    onefold()
