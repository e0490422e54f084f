"""`onefold definitions refresh`: have the query of a mined trait run now."""

import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import click

from definitions.sets.refreshes import Refresh, mined_traits, name_of, wanted_record
from onefold.commands.plan import published
from onefold.refreshes import refresh_text
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.unreachable import failure
from onefold.wording import json_text
from runtime.errors import OnefoldError
from runtime.hints import did_you_mean
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from runtime.literal import literal
from schemas.topics import DEFINITIONS
from settings import Settings

DELIVERY_TIMEOUT_S = 10.0
POLL_S = 0.2


@click.command()
@click.argument("name", metavar="TRAIT")
@click.option("--workspace", default="main", show_default=True)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), default=600.0, help="Seconds to wait.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as one JSON object.")
@data_dir_option
def refresh(name: str, workspace: str, timeout_s: float, as_json: bool, data_dir: Path | None) -> None:
    """Ask the query of a mined TRAIT now, and return once profiles have what it found. Exits with 1 if it fails.

    \b
    Example:
      onefold definitions refresh churn_risk
    """
    settings = running_settings(data_dir)
    workspace_named(settings, workspace)
    publication = published(settings)
    evaluated = publication.evaluated(workspace, settings.partitions)
    mined = () if evaluated is None else mined_traits(evaluated, workspace)
    name = mined_named(name, [trait.name for trait in mined])
    wanted = publication.wanted.get(name_of(workspace, name), 0) + 1
    _want(settings, workspace, name, wanted)
    last = _awaited(settings, name_of(workspace, name), wanted, timeout_s)
    if as_json:
        click.echo(json_text(last))
    elif not last.error:
        click.echo(literal(f"{name}: {refresh_text(last)}"))
    if last.error:
        raise click.ClickException(literal(f"{name}: {refresh_text(last)}"))


def mined_named(name: str, names: Sequence[str]) -> str:
    """Return the one of some names that is typed, in whichever form of Unicode. Raises BadParameter."""
    composed = unicodedata.normalize("NFC", name)
    if composed not in names:
        hint = did_you_mean(composed, names) if names else "none is in effect there"
        raise click.BadParameter(literal(f"no query finds a trait {name!r} ({hint})"), param_hint="TRAIT")
    return composed


def _want(settings: Settings, workspace: str, name: str, times: int) -> None:
    try:
        producer = AcknowledgedProducer(settings.kafka, "onefold-refresh", delivery_timeout_s=DELIVERY_TIMEOUT_S)
        producer.send([ProducerRecord(DEFINITIONS, *wanted_record(workspace, name, times))])
    except OnefoldError as error:
        raise click.ClickException(f"{failure(error)}; the query does not run") from error


def _awaited(settings: Settings, name: str, wanted: int, timeout_s: float) -> Refresh:
    """Return the refresh that answers a wish, once it has ended. Raises ClickException."""
    ends_at = time.monotonic() + timeout_s
    while True:
        last = published(settings).refreshes.get(name)
        if last is not None and last.ended_at and last.answers >= wanted:
            return last
        if time.monotonic() > ends_at:
            raise click.ClickException(f"not done after {timeout_s:g} s, and goes on: is the rebuilder running?")
        time.sleep(POLL_S)
