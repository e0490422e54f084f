"""Which installation a command talks to: the stack of a data folder, else what `ONEFOLD_*` says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

import settings as configuration
from embedded.errors import StackError
from embedded.running import running_environment
from settings import Settings, SettingsError, Workspace

Command = TypeVar("Command", bound=Callable[..., Any])


def data_dir_option(command: Command) -> Command:
    """Add the option `--data-dir` of every command that talks to a running stack."""
    kind = click.Path(file_okay=False, path_type=Path)
    text = "Folder of the running stack (default: ONEFOLD_* or .onefold)."
    return click.option("--data-dir", type=kind, default=None, help=text)(command)


def running_settings(data_dir: Path | None) -> Settings:
    """Load the settings of the stack that runs on a folder. Raises ClickException, which is one line."""
    try:
        return configuration.load(running_environment(data_dir))
    except (SettingsError, StackError) as error:
        raise click.ClickException(str(error)) from error


def workspace_named(settings: Settings, name: str) -> Workspace:
    """Return a workspace of the settings. Raises ClickException that lists those there are."""
    try:
        return settings.workspaces[name]
    except KeyError:
        raise click.ClickException(_no_workspace(settings, name)) from None


def check_workspace_to_read(settings: Settings, name: str) -> None:
    """Raise ClickException for an unknown workspace, if the file of workspaces is here: reading needs none."""
    if settings.workspaces and name not in settings.workspaces:
        raise click.ClickException(_no_workspace(settings, name))


def _no_workspace(settings: Settings, name: str) -> str:
    if not settings.workspaces:
        return (
            "no stack is running here: 'onefold up' starts one, --data-dir names the folder of another,"
            " ONEFOLD_CONFIG the workspaces of an installation"
        )
    return f"there is no workspace {name!r}; there are: {', '.join(sorted(settings.workspaces))}"
