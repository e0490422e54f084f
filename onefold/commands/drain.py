"""`onefold drain`: wait until everything accepted has been folded and is in ClickHouse."""

import time
from collections import defaultdict
from pathlib import Path

import click
import msgspec

from onefold.progress import Lag, PipelineProgress
from onefold.running import data_dir_option, running_settings
from onefold.unreachable import failure
from onefold.wording import json_text
from runtime.errors import OnefoldError

POLL_S = 0.1


@click.command()
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@data_dir_option
def drain(timeout_s: float, as_json: bool, data_dir: Path | None) -> None:
    """Wait until everything accepted has been folded and is in ClickHouse.

    Exits with 0 once nothing is under way, with 1 and what lags when that takes longer than the timeout.

    \b
    Example:
      onefold drain --timeout 30 && onefold sql "SELECT count() FROM profiles"
    """
    settings = running_settings(data_dir)
    started = time.monotonic()
    try:
        progress = PipelineProgress(settings)
        lags = progress.lagging()
        while lags and time.monotonic() - started < timeout_s:
            time.sleep(POLL_S)
            lags = progress.lagging()
    except OnefoldError as error:
        raise click.ClickException(failure(error)) from error
    elapsed_s = round(time.monotonic() - started, 3)
    if as_json:
        builtins = [msgspec.to_builtins(lag) | {"records": lag.records} for lag in lags]
        click.echo(json_text({"drained": not lags, "elapsed_s": elapsed_s, "lagging": builtins}))
    elif lags:
        click.echo(f"not drained after {elapsed_s} s:\n{_described(lags)}", err=True)
    else:
        click.echo(f"drained in {elapsed_s} s")
    if lags:
        raise SystemExit(1)


def _described(lags: tuple[Lag, ...]) -> str:
    records: dict[tuple[str, str], int] = defaultdict(int)
    for lag in lags:
        records[lag.group, lag.topic] += lag.records
    return "\n".join(f"  {group} has {count} records of {topic} to read" for (group, topic), count in records.items())
