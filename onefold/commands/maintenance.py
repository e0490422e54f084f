"""`onefold maintenance`: what the warehouse needs from time to time, once, or as a process every so often."""

import os
import re
import sys
import threading
from pathlib import Path

import click

from embedded.errors import StackError
from embedded.running import running_environment
from jobs.maintenance.maintain import maintain
from jobs.maintenance.retention import DropOld
from jobs.maintenance.steps import steps
from onefold.lookups import lookup_failure
from onefold.running import data_dir_option, running_settings
from runtime.clock import now_ms
from runtime.errors import OnefoldError
from runtime.literal import literal
from warehouse.client import Warehouse
from warehouse.completeness import check_complete

_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _seconds(_ctx: click.Context, _param: click.Parameter, period: str | None) -> int | None:
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", period or "")
    if match is None:
        if period is not None:
            raise click.BadParameter("expected a whole number and one of s, m, h, d, such as 30m or 6h")
        return None
    return int(match[1]) * _UNIT_S[match[2]]


@click.command()
@click.option(
    "--every", "every_s", callback=_seconds, metavar="PERIOD", help="Go on as a process, so often: 30m, 6h, 1d."
)
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Say what would be dropped as it is too old; do nothing.")
@data_dir_option
def maintenance(every_s: int | None, is_dry_run: bool, data_dir: Path | None) -> None:
    """Do what the warehouse needs from time to time, and say what was done, a line for each step.

    It may run beside everything else, and be killed at any moment: no question has another answer for it, but for rows
    that are older than the workspaces file keeps them, which it drops. With --every it serves metrics and health on
    ONEFOLD_MAINTENANCE_METRICS_PORT until SIGTERM. Exits with 1 if a step was not done.

    \b
    Examples:
      onefold maintenance
      onefold maintenance --every 6h
      onefold maintenance --dry-run
    """
    if every_s is not None and is_dry_run:
        raise click.UsageError("--dry-run does nothing, so it is not done every so often")
    if every_s is not None:
        try:
            environment = running_environment(data_dir)
        except StackError as error:
            raise click.ClickException(str(error)) from error
        command = [sys.executable, "-P", "-m", "jobs.maintenance", str(every_s)]
        os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is meant
    settings = running_settings(data_dir)
    is_done = True
    try:
        with Warehouse(settings.clickhouse, answer_timeout_s=None) as warehouse:
            check_complete(warehouse)
            due = (DropOld(settings.workspaces, is_dry_run=True),) if is_dry_run else steps(settings)
            for outcome in maintain(due, warehouse, now_ms(), threading.Event()):
                click.echo(literal(str(outcome)))
                is_done = is_done and outcome.is_done
    except OnefoldError as error:
        raise lookup_failure(error) from error
    if not is_done:
        raise SystemExit(1)
