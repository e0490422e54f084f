"""`onefold env`: where the local stack answers and with which keys, for a shell. Making them is `embedded`'s."""

import json
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import click

from embedded.running import DEFAULT_DATA_DIR, RunningStack, find_running
from onefold.running import workspace_named
from settings import Workspace, load


@click.command()
@click.option("--workspace", default="main", show_default=True, help="Whose keys.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA_DIR,
    show_default=True,
    envvar="ONEFOLD_DATA_DIR",
    help="Folder of the running stack.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def env(workspace: str, data_dir: Path, as_json: bool) -> None:
    """Print the addresses, keys and passwords of the local stack as exports for a shell.

    They are secrets of this stack: whoever has them can read every profile and change who is who.

    \b
    Examples:
      eval "$(onefold env)"
      curl "$ONEFOLD_CLICKHOUSE" -d "SELECT count() FROM onefold.events"
      curl -u "$ONEFOLD_READ_KEY:" "$ONEFOLD_API/v1/profiles/user_id:mei"
    """
    running = find_running(data_dir)
    if running is None:
        raise click.ClickException(f"no stack is running on {data_dir}: 'onefold up' starts one")
    exported = variables(running, workspace_named(load(running.environment), workspace), data_dir)
    if as_json:
        click.echo(json.dumps(exported))
    else:
        click.echo("\n".join(f"export {name}={shlex.quote(value)}" for name, value in exported.items()))


def variables(running: RunningStack, workspace: Workspace, data_dir: Path) -> dict[str, str]:
    """Name -> value; a kind of key that the workspace has none of is left out."""
    clickhouse = urlsplit(running.addresses.clickhouse)
    values = {
        "ONEFOLD_HTTP": running.addresses.http,
        "ONEFOLD_API": running.addresses.api,
        "ONEFOLD_KAFKA": running.addresses.kafka,
        "ONEFOLD_REGISTRY": running.addresses.registry,
        "ONEFOLD_CLICKHOUSE": running.addresses.clickhouse,
        "CLICKHOUSE_USER": clickhouse.username,
        "CLICKHOUSE_PASSWORD": clickhouse.password,
        "ONEFOLD_DATA_DIR": str(data_dir.absolute()),
        "ONEFOLD_WORKSPACE": workspace.name,
        "ONEFOLD_WRITE_KEY": next((source.write_key for source in workspace.sources), None),
        "ONEFOLD_READ_KEY": next(iter(workspace.read_keys), None),
        "ONEFOLD_ADMIN_KEY": next(iter(workspace.admin_keys), None),
    }
    return {name: value for name, value in values.items() if value is not None}
