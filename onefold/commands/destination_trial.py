"""`onefold destination test`: one delivery for somebody, with what was sent and answered."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import indent

import click
import msgspec

from definitions import Definitions
from definitions.destinations import CHANGES, Destination
from definitions.mapping import Unmappable
from onefold.commands.destination_checks import defined_in
from onefold.destination_trial import (
    Cause,
    Somebody,
    delivery_about,
    find_somebody,
    likely_cause,
    objection_to,
    send,
)
from onefold.lookups import look_up
from onefold.printing import print_fields
from onefold.running import data_dir_option, running_settings
from onefold.wording import json_text
from runtime.hints import did_you_mean
from runtime.literal import literal, printable
from schemas.records.deliveries import NOT_SENT
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.mail.links import NamespaceOf, no_namespace
from sinks.destinations.opening import NoReceiver
from sinks.destinations.secrets import BadOption

_THEN: Mapping[type[Outcome], str] = {
    Delivered: "the receiver has taken it",
    Retry: "the deliverer would send it again, under the same key, after a while",
    Unauthorised: "the deliverer would send this destination nothing but a trial now and then until its credentials are"
    " accepted, and lose nothing: see that the secret is the one that the receiver knows",
    Refused: "the deliverer would not send it again: mend the cause, then 'onefold deliveries replay' does",
}
"""What becomes of a delivery after such an outcome."""


@click.command("test")
@click.argument("name", metavar="DESTINATION")
@click.option("--profile", metavar="NAMESPACE:VALUE|PROFILE_ID", help="Whom it is about (default: an invented person).")
@click.option("--dry-run", is_flag=True, help="Only show the fields; send nothing.")
@click.option("--definitions", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Not those applied.")
@click.option("--segment", metavar="NAME", help="What it says was entered (default: the first that names it).")
@click.option("--change", type=click.Choice(CHANGES), help="What it says has happened.")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
def trial(  # noqa: PLR0913, PLR0917 - click passes options one by one
    name: str,
    profile: str | None,
    dry_run: bool,
    folder: Path | None,
    segment: str | None,
    change: str | None,
    workspace: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Send a destination one delivery now, and show request and answer. Exits with 1 if it was not delivered.

    The delivery is real: whoever is entered into an audience is in it. It is about somebody who has consented, where
    the destination asks for it; hours, caps and the hold-out do not count, and `onefold deliveries` does not show it.
    Secrets are looked for where this command runs, and shown nowhere.

    \b
    Examples:
      onefold destination test crm --dry-run
      onefold destination test crm --profile email:me@example.com
      onefold destination test crm --definitions my-definitions
    """
    found = defined_in(folder, data_dir)
    destination = _named(found, name)
    somebody = Somebody() if profile is None else _somebody(profile, workspace, data_dir)
    try:
        delivery = delivery_about(destination, somebody, _cause(found, destination, segment, change), workspace)
    except Unmappable as error:
        raise click.ClickException(literal(f"nothing can be sent: {error.detail}")) from None
    if dry_run:
        _print_fields(delivery, as_json)
        return
    against = objection_to(found, destination, somebody.person.consent) if profile is not None else None
    if against is not None:
        raise click.ClickException(literal(f"nothing is sent: {against}"))
    try:
        outcome = send(destination, delivery, _namespaces(folder, data_dir))
    except (BadOption, NoReceiver) as error:
        raise click.ClickException(literal(error)) from None
    _print(delivery, outcome, as_json)
    if not isinstance(outcome, Delivered):
        raise SystemExit(1)


def _named(found: Definitions, name: str) -> Destination:
    known = {each.name: each for each in found.destinations}
    if name not in known:
        message = f"there is no destination {name!r} ({did_you_mean(name, sorted(known)) or 'none is defined'})"
        raise click.BadParameter(literal(message), param_hint="DESTINATION")
    if known[name].receiver is None:
        raise click.BadParameter(
            f"{name!r} has no receiver: it is the topic activation.{name}", param_hint="DESTINATION"
        )
    return known[name]


def _somebody(text: str, workspace: str, data_dir: Path | None) -> Somebody:
    somebody = look_up(lambda settings: find_somebody(settings, workspace, text), workspace, data_dir)
    if somebody is None:
        raise click.ClickException(literal(f"workspace {workspace!r} has no profile with {text}"))
    return somebody


def _cause(found: Definitions, destination: Destination, segment: str | None, change: str | None) -> Cause:
    if segment is not None and change == "fired":
        raise click.BadParameter("a segment is entered or exited", param_hint="--change")
    said = next((each for each in CHANGES if each == change), None)
    return likely_cause(found, destination, segment, said)


def _namespaces(folder: Path | None, data_dir: Path | None) -> NamespaceOf:
    """Return the secrets of workspaces, which sign links; a folder may be tested where nothing runs."""
    if folder is not None and data_dir is None:
        return no_namespace
    workspaces = running_settings(data_dir).workspaces
    return lambda workspace: workspaces[workspace].namespace if workspace in workspaces else None


def _print_fields(delivery: Delivery, as_json: bool) -> None:
    if as_json:
        click.echo(json_text({"key": delivery.key, "fields": delivery.fields}))
    else:
        click.echo(printable(msgspec.json.format(msgspec.json.encode(delivery.fields), indent=2).decode()))


def _print(delivery: Delivery, outcome: Outcome, as_json: bool) -> None:
    exchange, detail = outcome.exchange, "" if isinstance(outcome, Delivered) else outcome.detail
    said = {
        "outcome": "suspended" if isinstance(outcome, Unauthorised) else type(outcome).__name__.lower(),
        "reason": "unauthorised" if isinstance(outcome, Unauthorised) else getattr(outcome, "reason", ""),
        "detail": detail,
        "status": exchange.status,
    }
    if as_json:
        texts = {"request": exchange.request, "answer": exchange.answer}
        click.echo(json_text({"key": delivery.key, **said, **texts}))
        return
    print_fields([(name, str(value)) for name, value in said.items() if value not in {"", None}])
    click.echo(f"\n{_THEN[type(outcome)]}")
    requested = "request, not sent" if said["reason"] in NOT_SENT else "request"
    for name, text in ((requested, exchange.request), ("answer", exchange.answer)):
        if text:
            click.echo(f"\n{name}\n{printable(indent(text, '  '))}")
