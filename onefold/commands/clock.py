"""`onefold clock advance`: move the event clock of a workspace, so that deadlines fire."""

from datetime import UTC, datetime
from pathlib import Path

import click
from confluent_kafka import KafkaException, Message, Producer

from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.unreachable import failure
from onefold.wording import json_text
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas import topics
from schemas.codec import Codec
from schemas.records import Advance, ProfileCommand
from schemas.registry import REGISTRY_ERRORS, Registry
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
    at = _milliseconds(to)
    settings = running_settings(data_dir)
    if workspace_named(settings, name).clock != "event":
        raise click.ClickException(f"workspace {name!r} lives on the wall clock, which cannot be moved")
    try:
        partitions = _send(settings, ProfileCommand.of(name, "", Advance(at)))
    except (KafkaException, *REGISTRY_ERRORS) as error:
        raise click.ClickException(f"{failure(settings, error)}; the clock was not moved") from error
    shown = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    if as_json:
        click.echo(json_text({"workspace": name, "at": at, "time": shown, "partitions": partitions}))
    else:
        click.echo(f"the clock of {name} goes to {shown}")


def _milliseconds(text: str) -> int:
    try:
        if text.isascii() and text.isdigit():
            at = int(text)
            datetime.fromtimestamp(at / 1000, UTC)
            return at
        time = datetime.fromisoformat(text)
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is neither a time in ISO 8601 nor milliseconds", param_hint="--to"
        ) from None


def _send(settings: Settings, command: ProfileCommand) -> int:
    """Send the command to every partition, as every partition has a clock. Their number."""
    value = Codec(Registry(settings.registry)).encoder(ProfileCommand)(command)
    config = {"bootstrap.servers": settings.kafka, "message.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000), "log_level": 0}
    producer = Producer(PRODUCER_CONFIG | config)
    topic = producer.list_topics(topics.PROFILE_COMMANDS, timeout=DELIVERY_TIMEOUT_S).topics[topics.PROFILE_COMMANDS]
    if topic.error is not None:
        raise KafkaException(topic.error)
    failures: list[object] = []

    def delivered(error: object, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    for partition in topic.partitions:
        producer.produce(topics.PROFILE_COMMANDS, value, partition=partition, on_delivery=delivered)
    if producer.flush(DELIVERY_TIMEOUT_S + 1) or failures:
        raise KafkaException(failures[0] if failures else "no acknowledgement")
    return len(topic.partitions)
