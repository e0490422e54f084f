"""`onefold collector`, `api`, `worker`, `sink`, `deliverer`, `rebuilder`: one process each, for production or by hand.

Their settings come from `ONEFOLD_*`; `onefold up` runs the same modules.
"""

import os
import sys

import click

_PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


def _become(module: str, arguments: tuple[str, ...]) -> None:
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])  # noqa: S606 - no shell is meant


@click.command(context_settings=_PASSED_ON)
@click.argument("arguments", nargs=-1)
def collector(arguments: tuple[str, ...]) -> None:
    """Run the collector until SIGTERM."""
    _become("collectors", arguments)


@click.command()
def api() -> None:
    """Run the API for look-ups and operators' requests until SIGTERM; its port is ONEFOLD_API_PORT."""
    _become("api", ())


@click.command()
def worker() -> None:
    """Run a worker until SIGTERM; its settings are ONEFOLD_KAFKA, ONEFOLD_REGISTRY, ONEFOLD_DATA_DIR and more."""
    _become("streams", ())


@click.command()
def sink() -> None:
    """Run the sink to ClickHouse until SIGTERM; its settings are ONEFOLD_KAFKA, ONEFOLD_CLICKHOUSE and more."""
    _become("sinks", ())


@click.command()
def deliverer() -> None:
    """Run the deliverer to destinations until SIGTERM; its settings are ONEFOLD_KAFKA, ONEFOLD_DATA_DIR and more.

    It reads what segments and triggers say to destinations that have a receiver, and sends it. Without it all waits in
    the topics `activation.NAME`. Secrets that destinations refer to must be in its environment.
    """
    _become("sinks.delivery", ())


@click.command()
def rebuilder() -> None:
    """Run the rebuilder until SIGTERM; its settings are ONEFOLD_KAFKA, ONEFOLD_CLICKHOUSE and more.

    It replays profiles that were unmerged, back-fills definitions that were applied, refreshes mined traits, and fires
    triggers across persons. Without it all of these wait.
    """
    _become("jobs", ())
