"""`onefold clock advance`: move the event clock of a workspace, so that deadlines fire."""

from datetime import UTC, datetime
from pathlib import Path

import click

from definitions.across.remembered import ClockRecord, record_of
from definitions.sets.topic import ensure_topic
from definitions.streaming.times import text_of
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.unreachable import failure
from onefold.wording import json_text
from runtime.clock import now_ms
from runtime.errors import OnefoldError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from schemas import topics
from schemas.codec import Codec
from schemas.records import Advance, ProfileCommand
from schemas.registry import Registry
from settings import Settings

DELIVERY_TIMEOUT_S = 10.0


@click.group()
def clock() -> None:
    """The event clock of a workspace: the highest time that its events have shown."""


@clock.command()
@click.option("--to", "to", required=True, metavar="TIME", help="ISO 8601, or milliseconds since 1970.")
@click.option("--workspace", "name", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@data_dir_option
def advance(to: str, name: str, as_json: bool, data_dir: Path | None) -> None:
    """Move the event clock forward to TIME, so that deadlines up to then fire.

    The clock never goes back: an earlier time than the present one changes nothing. `onefold drain` waits for the
    effects.

    \b
    Examples:
      onefold clock advance --to 1998-07-01T00:00:00Z --workspace cdnow
      onefold clock advance --to 899251200000 --workspace cdnow
    """
    at = milliseconds(to)
    settings = running_settings(data_dir)
    if workspace_named(settings, name).clock != "event":
        raise click.ClickException(f"workspace {name!r} lives on the wall clock, which cannot be moved")
    try:
        partitions = _send(settings, name, at)
    except OnefoldError as error:
        raise click.ClickException(f"{failure(error)}; the clock was not moved") from error
    shown = text_of(at)
    if as_json:
        click.echo(json_text({"workspace": name, "at": shown, "partitions": partitions}))
    else:
        click.echo(f"the clock of {name} goes to {shown}")


def milliseconds(text: str, option: str = "--to") -> int:
    """Read a time that an option gives. Raises BadParameter."""
    try:
        if text.isascii() and text.isdigit():
            at = int(text)
            datetime.fromtimestamp(at / 1000, UTC)
            return at
        time = datetime.fromisoformat(text)
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is neither a time in ISO 8601 nor milliseconds", param_hint=option
        ) from None


def _send(settings: Settings, workspace: str, to: int) -> int:
    """Send the command to every partition, as every partition has a clock, and to triggers across persons.

    Returns the number of partitions.
    """
    command = ProfileCommand.of(workspace, "", Advance(to))
    value = Codec(Registry(settings.registry)).encoder(ProfileCommand)(command)
    producer = AcknowledgedProducer(settings.kafka, "onefold", delivery_timeout_s=DELIVERY_TIMEOUT_S)
    partitions = producer.partitions(topics.PROFILE_COMMANDS)
    producer.send(ProducerRecord(topics.PROFILE_COMMANDS, None, value, partition) for partition in partitions)
    ensure_topic(settings.kafka, settings.replication, DELIVERY_TIMEOUT_S, topics.TRIGGERS_ACROSS)
    moved = record_of(ClockRecord(workspace, to, now_ms()))
    producer.send([ProducerRecord(topics.TRIGGERS_ACROSS, *moved)])
    return len(partitions)
