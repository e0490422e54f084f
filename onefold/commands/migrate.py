"""`onefold migrate`: bring ClickHouse's tables up to date, and make again what somebody has dropped."""

import json
from pathlib import Path

import click

from onefold.lookups import lookup_failure
from onefold.running import data_dir_option, running_settings
from runtime.errors import OnefoldError
from warehouse.client import Warehouse
from warehouse.completeness import Missing, find_missing, repair
from warehouse.migrate import migrate as apply_migrations


@click.command()
@click.option("--check", is_flag=True, help="Change nothing: say what is missing, and exit with 1 if something is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
def migrate(check: bool, as_json: bool, data_dir: Path | None) -> None:
    """Bring ClickHouse's tables up to date, and make again what is missing.

    What is made again has no rows: a backup has them, or Kafka, as docs/guide/operating.md says. Nothing that is there
    changes, and it may run beside all other processes. The sink does the first part by itself when it starts.

    \b
    Examples:
      onefold migrate --check
      onefold migrate
    """
    applied: tuple[str, ...] = ()
    try:
        with Warehouse(running_settings(data_dir).clickhouse) as warehouse:
            applied = () if check else apply_migrations(warehouse)
            absent = find_missing(warehouse) if check else repair(warehouse)
    except OnefoldError as error:
        raise lookup_failure(error) from error
    if as_json:
        named = [str(item) for item in absent]
        click.echo(json.dumps({"applied": applied, "missing" if check else "made": named}))
    else:
        _print(applied, absent, check)
    if check and absent:
        raise SystemExit(1)


def _print(applied: tuple[str, ...], absent: tuple[Missing, ...], check: bool) -> None:
    for name in applied:
        click.echo(f"applied {name}")
    for item in absent:
        click.echo(f"missing: {item}" if check else f"made again{_loss(item)}: {item}")
    if not absent:
        click.echo("Every table is there, with all of its columns, every view and every function.")


def _loss(item: Missing) -> str:
    return ", empty" if item.kind == "table" else ""
