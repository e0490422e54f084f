"""`onefold deliveries`: what became of what destinations were to hear, replays of it, pauses."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import click
import msgspec
from rich.progress import Progress

from api.deliveries import DEFAULT_LIMIT, OUTCOMES, chosen_attempts, queried_attempts
from api.explaining_deliveries import ExplainedDelivery, explained_delivery
from api.pausing import destination_named, destinations_in_force, names_of, read_pauses
from api.pausing import pause as pause_destination
from api.pausing import resume as resume_destination
from api.replaying import DeliveryReplay
from definitions.streaming.times import text_of
from embedded.terminal import Terminal
from onefold.fates.activations import waiting_activations
from onefold.held_up import held_up, shown_held_up
from onefold.lazy import LazyGroup
from onefold.left_waiting import GONE
from onefold.lookups import look_up, lookup_options
from onefold.person_waiting import REASONS as WAITING_FOR
from onefold.person_waiting import PersonWaiting, person_waiting
from onefold.printing import print_fields, print_table
from onefold.wording import count, json_text
from runtime.literal import literal
from schemas.codec import Codec
from schemas.delivery_control import Pauses
from schemas.registry import Registry
from settings import Settings
from warehouse.queries.deliveries import ChosenAttempts, ShownAttempt
from warehouse.queries.segments import MOST_AT_ONCE

COMMANDS = {
    "list": ("onefold.commands.deliveries:list_deliveries", "Show what became of deliveries, the latest first."),
    "show": ("onefold.commands.deliveries:show", "Show every attempt of a delivery, with request and answer."),
    "replay": ("onefold.commands.deliveries:replay", "Put what was refused or suppressed on its way once more."),
    "pause": ("onefold.commands.deliveries:pause", "Send a destination nothing until it is resumed."),
    "resume": ("onefold.commands.deliveries:resume", "Let a destination have what waits for it."),
}
INTERRUPTED = 130
MAX_DETAIL = 80
EXCHANGED = ("detail", "request", "answer")
"""Fields of an attempt that may have several lines."""

Command = TypeVar("Command", bound=Callable[..., Any])

_TIMES = "A time in ISO 8601, such as 2026-03-01T08:00:00Z."


@click.group(cls=LazyGroup, lazy=COMMANDS)
def deliveries() -> None:
    """What became of what destinations were to hear."""


def _choosing(command: Command) -> Command:
    for option in (
        click.option("--profile", metavar="ID|NAMESPACE:VALUE", help="Only about this person."),
        click.option("--until", metavar="TIME", help=f"Only before it. {_TIMES}"),
        click.option("--since", metavar="TIME", help=f"Only from it on. {_TIMES}"),
        click.option("--reason", metavar="REASON", help="Only with this reason, such as throttled or no_consent."),
    ):
        command = option(command)
    return command


@click.command("list")
@click.option("--destination", metavar="NAME", help="Only of this destination.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only with this outcome.")
@_choosing
@click.option("--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, show_default=True, help="How many.")
@lookup_options
def list_deliveries(  # noqa: PLR0913, PLR0917 - options of the command
    destination: str | None,
    outcome: str | None,
    reason: str | None,
    since: str | None,
    until: str | None,
    profile: str | None,
    limit: int,
    workspace: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Show what became of deliveries: a line for each attempt, and for what was not sent, the latest first.

    With --profile also what only waits for the person, and for what.

    \b
    Examples:
      onefold deliveries list
      onefold deliveries list --destination mail --outcome refused --since 2026-03-01
      onefold deliveries list --profile user_id:42 --json
    """

    is_whole = not any((outcome, reason, since, until, profile))

    def query(settings: Settings) -> _Listed:
        chosen = chosen_attempts(settings, workspace, destination, outcome, reason, since, until, profile)
        attempts = _gathered(settings, workspace, chosen, limit)
        note = _note(settings, chosen.destination) if chosen.destination else ""
        is_new = bool(chosen.destination) and is_whole and not attempts
        waiting = _waiting(settings, workspace, chosen.destination) if is_new and not note else None
        listed = _Listed(chosen.destination, attempts, read_pauses(settings), waiting, note)
        if not profile or any((outcome, reason, since, until)):
            return listed
        of_person = person_waiting(settings, workspace, chosen.profile_ids, listed.pauses, chosen.destination)
        return listed._replace(of_person=of_person)

    listed = look_up(query, workspace, data_dir)
    if as_json:
        more: dict[str, object] = {} if listed.waiting is None else {"waiting": listed.waiting}
        if listed.of_person is not None:
            more["not_attempted"] = listed.of_person
        click.echo(json_text({"deliveries": listed.attempts, **shown_held_up(listed.pauses), **more}))
        return
    name, waiting = listed.destination, listed.waiting
    if waiting is None:
        _print(listed.attempts)
        _print_waiting(listed.of_person or [])
    else:
        click.echo(literal(f"nothing was delivered to {name} yet; {waiting:,} wait{'s' * (waiting == 1)}"))
    for line in held_up(listed.pauses, {name} if name else None):
        click.echo(line)
    if listed.note:
        click.echo(literal(listed.note))


class _Listed(NamedTuple):
    """What is shown of the attempts that are chosen.

    `destination`: what it is called now; empty: all are meant. `waiting`: of one that has heard nothing yet. `note`:
    what there is to say of one that is sent nothing. `of_person`: what only waits for the person that is chosen.
    """

    destination: str
    attempts: list[ShownAttempt]
    pauses: Pauses
    waiting: int | None
    note: str
    of_person: list[PersonWaiting] | None = None


def _note(settings: Settings, name: str) -> str:
    """Say of a destination that it has no receiver now, or is gone; else nothing."""
    named = destination_named(destinations_in_force(settings), name)
    if named is None:
        return f"{name} is not defined any more: {GONE}"
    return "" if named.receiver else f"{name} has no receiver: others read its topic, activation.{name}"


def _waiting(settings: Settings, workspace: str, destination: str) -> int:
    """Count what a destination is to hear and has not been attempted."""
    codec = Codec(Registry(settings.registry))
    names = {destination: names_of(settings, destination)}
    return len(waiting_activations(settings.kafka, codec, names, workspace)[destination])


def _print(attempts: list[ShownAttempt]) -> None:
    rows = [
        (
            each.attempted_at,
            each.destination,
            f"{each.name} {each.change}",
            each.profile_id or "-",
            each.outcome,
            each.reason or "-",
            str(each.attempt),
            each.delivery_id,
            _short(each.detail) + _again(each),
        )
        for each in attempts
    ]
    names = ("at", "destination", "what", "profile", "outcome", "reason", "attempt", "delivery", "detail")
    print_table(names, rows, numbers=("attempt",), wrapped="detail")


def _print_waiting(several: list[PersonWaiting]) -> None:
    """Say of what was never attempted for what it waits."""
    for each in several:
        until = f", until {each.due_at}" if each.due_at else ""
        what = f"{each.name} {each.change} at {each.happened_at} ({each.delivery_id})"
        click.echo(literal(f"{each.destination}: {what} waits: {WAITING_FOR[each.reason]}{until}"))


def _again(attempt: ShownAttempt) -> str:
    """Say when it was to be tried again, if not at once."""
    if not attempt.due_at or attempt.due_at <= attempt.attempted_at:
        return ""
    return f"{', ' if attempt.detail else ''}again at {attempt.due_at}"


def _short(detail: str) -> str:
    """Return the beginning of a detail; `deliveries show` has all of it."""
    return detail if len(detail) <= MAX_DETAIL else f"{detail[: MAX_DETAIL - 1]}…"


def _gathered(settings: Settings, workspace: str, chosen: ChosenAttempts, limit: int) -> list[ShownAttempt]:
    rows: list[ShownAttempt] = []
    cursor: str | None = ""
    while cursor is not None and len(rows) < limit:
        page = queried_attempts(settings, workspace, chosen, min(limit - len(rows), MOST_AT_ONCE), cursor)
        rows += page.rows
        cursor = page.next
    return rows


@click.command()
@click.argument("delivery", metavar="ID")
@lookup_options
def show(delivery: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show every attempt of a delivery, with what was sent and answered, secrets left out.

    ID is that of a delivery, or of a change of a segment or a trigger: then at all destinations.

    \b
    Example:
      onefold deliveries show 1f0c5d1f9b0e4b6c8e2f1a3b5c7d9e0f
    """

    def query(settings: Settings) -> ExplainedDelivery:
        return explained_delivery(settings, workspace, delivery)

    explained = look_up(query, workspace, data_dir)
    attempts = [attempt for each in explained.destinations for attempt in each.attempts]
    if as_json:
        click.echo(json_text({"deliveries": attempts}))
        return
    if not attempts:
        click.echo("Nothing was attempted so far.")
    for number, attempt in enumerate(attempts):
        if number:
            click.echo()
        fields = msgspec.to_builtins(attempt)
        print_fields(
            ((name, str(value)) for name, value in fields.items() if value not in {None, ""}), of_lines=EXCHANGED
        )


@click.command()
@click.argument("destination", metavar="DESTINATION")
@click.option("--outcome", type=click.Choice(("refused", "suppressed")), default="refused", show_default=True)
@_choosing
@click.option("--limit", type=click.IntRange(min=1), default=None, help="How many at most; without it, all.")
@click.option("--dry-run", is_flag=True, help="Only say how many it would be.")
@lookup_options
def replay(  # noqa: PLR0913, PLR0917 - options of the command
    destination: str,
    outcome: Literal["refused", "suppressed"],
    reason: str | None,
    since: str | None,
    until: str | None,
    profile: str | None,
    limit: int | None,
    dry_run: bool,
    workspace: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Put what a destination refused, or what was suppressed, on its way once more. All checks meet it again.

    Only what has not ended otherwise since. A change of a segment after which a later one came is superseded: an entry
    is not sent after the exit. It may be stopped with Ctrl-C at any time: what was put on its way goes
    on, and the next replay takes the rest.

    \b
    Examples:
      onefold deliveries replay mail --dry-run
      onefold deliveries replay mail --reason rejected --since 2026-03-01
      onefold deliveries replay ads --outcome suppressed --reason no_consent
    """

    def run(settings: Settings) -> tuple[int, bool]:
        chosen = chosen_attempts(settings, workspace, destination, outcome, reason, since, until, profile)
        started = DeliveryReplay(settings, workspace, chosen)
        try:
            total = min(started.count(), limit or sys.maxsize)
            return (total, True) if dry_run or not total else _replayed(started, total)
        finally:
            started.close()

    number, is_whole = look_up(run, workspace, data_dir)
    if as_json:
        click.echo(json_text({"destination": destination, "replayed": number, "dry_run": dry_run, "whole": is_whole}))
    elif dry_run:
        click.echo(f"would replay {count(number, 'delivery')}")
    else:
        click.echo(f"replayed {count(number, 'delivery')}{'' if is_whole else ', and stopped'}")
        if number:
            click.echo(literal(f"what became of it: 'onefold deliveries list --destination {destination}'"))
    if not is_whole:
        raise SystemExit(INTERRUPTED)


def _replayed(started: DeliveryReplay, total: int) -> tuple[int, bool]:
    """Replay with a progress bar; return how many, and whether all."""
    console, number = Terminal(stderr=True), 0
    bar = Progress(console=console, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("Replaying", total=total)
        try:
            for some in started.run(total):
                number += some
                bar.advance(task, some)
        except KeyboardInterrupt:
            return number, False
    return number, True


@click.command()
@click.argument("destination", metavar="DESTINATION")
@click.option("--reason", default="", metavar="TEXT", help="Why; whoever looks at it later reads this.")
@lookup_options
def pause(destination: str, reason: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Send a destination nothing, in every workspace, until it is resumed. What comes meanwhile waits; nothing is lost.

    \b
    Example:
      onefold deliveries pause mail --reason "the relay moves house"
    """

    def run(settings: Settings) -> int:
        return pause_destination(settings, destination, reason).paused_at

    paused_at = text_of(look_up(run, workspace, data_dir))
    if as_json:
        click.echo(json_text({"destination": destination, "paused_at": paused_at}))
    else:
        resume = f"'onefold deliveries resume {destination}'"
        click.echo(literal(f"{destination} is paused: within a second no request begins; {resume} lets it go on"))


@click.command()
@click.argument("destination", metavar="DESTINATION")
@lookup_options
def resume(destination: str, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Let a destination have what waits for it, in order. Says what else it waits for, such as a missing secret.

    Also where it was not paused: what waits for its next attempt is attempted at once.

    \b
    Example:
      onefold deliveries resume mail
    """

    def run(settings: Settings) -> tuple[bool, Pauses]:
        was_paused = resume_destination(settings, destination)
        return was_paused, read_pauses(settings).only(names_of(settings, destination))

    was_paused, still = look_up(run, workspace, data_dir)
    if as_json:
        click.echo(json_text({"destination": destination, "was_paused": was_paused, **shown_held_up(still)}))
        return
    click.echo(literal(f"{destination} {'goes on' if was_paused else _NOT_PAUSED}"))
    for line in held_up(still):
        click.echo(line)


_NOT_PAUSED = "was not paused by anybody; what waits for it is attempted at once"
