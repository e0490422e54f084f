"""`onefold workspaces new`: a workspaces file for an installation. What is in one, is `settings`'."""

import click

from settings import Clock, new_workspace, why_no_source_name, workspaces_text


@click.group()
def workspaces() -> None:
    """Make the file that says who may send, read and change who is who."""


@workspaces.command()
@click.argument("name")
@click.option("--source", "sources", multiple=True, required=True, metavar="NAME", help="A sender; may be repeated.")
@click.option("--clock", type=click.Choice(["wall", "event"]), default="wall", show_default=True)
def new(name: str, sources: tuple[str, ...], clock: Clock) -> None:
    """Print a workspaces file with the workspace NAME, its keys made at random.

    \b
    Example, readable for you alone:
      (umask 077; onefold workspaces new main --source web --source crm > onefold.yaml)
    """
    for source in sources:
        if (reason := why_no_source_name(source)) is not None:
            raise click.BadParameter(f"{source!r}: {reason}", param_hint="--source")
    click.echo(workspaces_text([new_workspace(name, clock, sources)]), nl=False)
