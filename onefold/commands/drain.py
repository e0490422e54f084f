"""`onefold drain`: wait until everything accepted has been folded and is in ClickHouse."""

import time
from collections import defaultdict
from pathlib import Path

import click
import msgspec

from onefold.progress import PipelineProgress, UnderWay
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
        under_way = progress.under_way()
        while not under_way.is_nothing and time.monotonic() - started < timeout_s:
            time.sleep(POLL_S)
            under_way = progress.under_way()
    except OnefoldError as error:
        raise click.ClickException(failure(error)) from error
    elapsed_s = round(time.monotonic() - started, 3)
    if as_json:
        lags = [msgspec.to_builtins(lag) | {"records": lag.records} for lag in under_way.lags]
        answer = {"drained": under_way.is_nothing, "elapsed_s": elapsed_s, "lagging": lags, "held": under_way.held}
        click.echo(json_text(answer))
    elif under_way.is_nothing:
        click.echo(f"drained in {elapsed_s} s")
    else:
        click.echo(f"not drained after {elapsed_s} s:\n{_described(under_way)}", err=True)
    if not under_way.is_nothing:
        raise SystemExit(1)


def _described(under_way: UnderWay) -> str:
    records: dict[tuple[str, str], int] = defaultdict(int)
    for lag in under_way.lags:
        records[lag.group, lag.topic] += lag.records
    lines = [f"  {group} has {count} records of {topic} to read" for (group, topic), count in records.items()]
    if under_way.held is None:
        lines.append("  the worker does not say how many late events it holds back")
    elif under_way.held:
        lines.append(f"  the worker holds {under_way.held} late events back until no more come of the same person")
    return "\n".join(lines or ["  records come and go"])
