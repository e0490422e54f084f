"""`onefold consent`: what a person has said about being sent things, and saying it for them."""

from pathlib import Path

import click
from rich.text import Text

from api.consent import STATUSES, ConsentChoice, event_key, operator_event, queried_consent
from api.requests import RequestRefused, UnknownProfile
from embedded.terminal import Terminal
from onefold.lookups import look_up, lookup_failure
from onefold.printing import print_table
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.wording import json_text
from runtime.errors import OnefoldError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from runtime.literal import literal
from schemas import topics
from schemas.codec import Codec
from schemas.consent import ALL
from schemas.records import Event
from schemas.registry import Registry
from settings import Settings
from warehouse.client import JsonObject
from warehouse.queries.consents import ProfileConsent

_FIELDS = {"profile": "NAMESPACE:VALUE|PROFILE_ID", "purpose": "PURPOSE", "status": "STATUS"}
_SHOWN = ("purpose", "channel", "status", "since", "source", "text", "reason")


@click.group(name="consent")
def group() -> None:
    """What people want to be sent, by purpose and channel."""


@group.command(short_help="Show what a person has said about being sent things.")
@click.argument("identifier", metavar=_FIELDS["profile"])
@click.option("--workspace", default="main", show_default=True)
@click.option("--history", is_flag=True, help="Every change, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, history included.")
@data_dir_option
def show(identifier: str, workspace: str, history: bool, as_json: bool, data_dir: Path | None) -> None:
    """Show what a person has said about being sent things, as the warehouse has it.

    \b
    Examples:
      onefold consent show user_id:42
      onefold consent show email:ada@example.com --history
    """

    def query(settings: Settings) -> ProfileConsent | None:
        return queried_consent(settings, workspace, identifier)

    consent = look_up(query, workspace, data_dir)
    if consent is None:
        raise click.ClickException(literal(f"workspace {workspace!r} has no profile with {identifier}"))
    if as_json:
        click.echo(json_text(consent))
        return
    _print(identifier, consent, consent.history if history else consent.consent)


@group.command(name="set", short_help="Say for a person what they want to be sent.")
@click.argument("profile", metavar=_FIELDS["profile"])
@click.argument("purpose")
@click.argument("status", type=click.Choice(STATUSES), metavar=_FIELDS["status"])
@click.option("--channel", default=ALL, show_default=True, help="Of consent.yaml.")
@click.option("--text", default="", metavar="VERSION", help="Of what the person has read (default: consent.yaml's).")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept with what is said.")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the message id as one JSON object.")
@data_dir_option
def set_consent(  # noqa: PLR0913, PLR0917 - the options of one command
    profile: str,
    purpose: str,
    status: str,
    channel: str,
    text: str,
    reason: str,
    workspace: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Say for a person what they want: PURPOSE is one of consent.yaml, or `all`; STATUS granted, denied or unknown.

    It becomes an event, and counts as one that the person has sent, for every identifier that is known of them. Whoever
    is not known yet can be named by an identifier.

    \b
    Examples:
      onefold consent set user_id:42 marketing denied --channel email --reason "called us"
      onefold consent set email:ada@example.com marketing granted --text 2026-11
    """
    settings = running_settings(data_dir)
    workspace_named(settings, workspace)
    choice = ConsentChoice(purpose, next(each for each in STATUSES if each == status), channel, text, reason)
    try:
        event = operator_event(settings, workspace, profile, choice)
        _send(settings, event)
    except RequestRefused as refused:
        hint = _FIELDS.get(refused.field, f"--{refused.field}")
        raise click.BadParameter(literal(refused), param_hint=hint) from None
    except UnknownProfile as unknown:
        raise click.ClickException(literal(unknown)) from None
    except OnefoldError as error:
        raise lookup_failure(error) from error
    said = {"message_id": event.message_id}
    if as_json:
        click.echo(json_text(said))
    else:
        click.echo(literal(f"said, as event {event.message_id}: 'onefold consent show {profile}' has it in a moment"))


def _send(settings: Settings, event: Event) -> None:
    encode = Codec(Registry(settings.registry)).encoder(Event)
    producer = AcknowledgedProducer(settings.kafka, "onefold", delivery_timeout_s=10.0)
    producer.send([ProducerRecord(topics.EVENTS, event_key(event), encode(event))])


def _print(identifier: str, consent: ProfileConsent, rows: tuple[JsonObject, ...]) -> None:
    console = Terminal()
    console.print(Text(literal(f"{identifier}   profile {consent.profile_id}"), style="bold"), soft_wrap=True)
    if not rows:
        console.print("  nothing was said: the default of each purpose in consent.yaml decides")
        return
    print_table(_SHOWN, [[str(row[name]) for name in _SHOWN] for row in rows])
