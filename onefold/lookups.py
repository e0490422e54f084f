"""One way for commands to look something up: in a workspace that exists, and every failure in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from api.requests import RequestRefused, UnknownDefinition, UnknownProfile
from onefold.running import check_workspace_to_read, data_dir_option, running_settings
from onefold.unreachable import failure
from runtime.errors import OnefoldError
from runtime.literal import literal
from settings import Settings
from warehouse.queries.segments import TooLongAgo, UnknownSegment

_ARGUMENTS = {"destination": "DESTINATION", "delivery": "ID"}
"""What the argument is called, by what is looked up."""

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")


def lookup_options(command: Command) -> Command:
    """Add the options of every look-up."""
    command = data_dir_option(command)
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)
    return click.option("--workspace", default="main", show_default=True)(command)


def look_up(query: Callable[[Settings], Result], workspace: str, data_dir: Path | None) -> Result:
    """Return what `query` returns for the running installation. Raises ClickException."""
    settings = running_settings(data_dir)
    check_workspace_to_read(settings, workspace)
    try:
        return query(settings)
    except RequestRefused as refused:
        raise click.BadParameter(literal(refused), param_hint=f"--{refused.field}") from None
    except UnknownDefinition as unknown:
        raise click.BadParameter(literal(unknown), param_hint=_ARGUMENTS.get(unknown.subject, "NAME")) from None
    except (UnknownProfile, UnknownSegment, TooLongAgo) as error:
        raise click.ClickException(literal(error)) from None
    except ValueError as error:  # an identifier that is none, or that this look-up cannot be about
        raise click.BadParameter(literal(error), param_hint="NAMESPACE:VALUE") from None
    except OnefoldError as error:
        raise lookup_failure(error) from error


def lookup_failure(error: OnefoldError) -> click.ClickException:
    """Return the failure in one line, with what to do."""
    return click.ClickException(failure(error))
