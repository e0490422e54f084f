"""`onefold fates`: where everything ended, and whether anything is missing."""

import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from api.identifiers import identity_rules
from api.pausing import read_pauses
from api.requests import requested_time
from definitions.sets.topic import read_publication
from definitions.streaming.times import text_of
from embedded.terminal import Terminal
from onefold.fates.activations import Account, DestinationFates, activation_fates
from onefold.fates.events import EventFates, event_fates
from onefold.fates.expected import receiving
from onefold.held_up import held_up, shown_held_up
from onefold.lazy import LazyGroup
from onefold.left_waiting import GONE
from onefold.lookups import look_up
from onefold.printing import print_table
from onefold.running import data_dir_option
from onefold.wording import json_text
from runtime.clock import now_ms
from runtime.kafka.offsets import Offsets
from runtime.kafka.waiting import await_committed, ends_of
from runtime.literal import literal
from schemas import topics
from schemas.codec import Codec
from schemas.delivery_control import Pauses
from schemas.groups import SINK, WORKER
from schemas.registry import Registry
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.fates import Fates

COMMANDS = {"check": ("onefold.commands.fates:check", "Prove that nothing is missing, or list what is.")}
DELIVERIES_KEPT_MS = 90 * 86_400_000
_FATES = ("delivered", "suppressed", "superseded", "refused", "waiting", "missing")


class FatesCheck(msgspec.Struct, frozen=True):
    """What came of a check."""

    events: EventFates
    destinations: list[DestinationFates]
    pauses: Pauses
    gone: list[str]
    """Destinations that are not defined any more."""

    @property
    def missing(self) -> int:
        """How many events and changes have ended nowhere."""
        return self.events.missing + sum(each.missing for each in self.destinations)


@click.group(cls=LazyGroup, lazy=COMMANDS)
def fates() -> None:
    """Where everything ended: accepted events, and what destinations were to hear."""


@click.command()
@click.option("--since", metavar="TIME", help="Only what came from a time on, in ISO 8601; without it, everything.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0), default=60.0, help="Seconds to wait for the rest."
)
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
def check(since: str | None, timeout_s: float, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Prove that nothing is missing; exit with 1 and list what is.

    Every accepted event was folded, was a repetition, or is a dead letter. Every change of a segment and every trigger
    that was to be delivered was delivered, suppressed, superseded or refused with a reason, or waits.

    \b
    Examples:
      onefold fates check
      onefold fates check --since 2026-03-01 --json
    """

    def query(settings: Settings) -> FatesCheck:
        return _check(settings, workspace, None if since is None else requested_time("since", since), timeout_s)

    checked = look_up(query, workspace, data_dir)
    if as_json:
        found = {"events": checked.events, "destinations": checked.destinations, "gone": checked.gone}
        found |= shown_held_up(checked.pauses)
        click.echo(json_text({"missing": checked.missing, **msgspec.to_builtins(found)}))
    else:
        _print(checked)
    if checked.missing:
        raise SystemExit(1)


def _check(settings: Settings, workspace: str, since: int | None, timeout_s: float) -> FatesCheck:
    """Wait until what was accepted before has been read and written, and compare both sides."""
    give_up_at = time.monotonic() + timeout_s
    _await_arrived(settings.kafka, give_up_at)
    codec, rules = Codec(Registry(settings.registry)), identity_rules(settings.definitions)
    console = Terminal(stderr=True)
    with Warehouse(settings.clickhouse, answer_timeout_s=None) as warehouse:
        found = Fates(warehouse, workspace)
        with console.status("reading what was accepted") as status:
            events = event_fates(
                settings.kafka, codec, found, workspace, rules, since,
                lambda number: status.update(f"reading what was accepted: {number:,}"),
            )  # fmt: skip
        publication = read_publication(settings.kafka)
        sets = [publication.sets[version] for version in sorted(publication.sets)]
        kept_since = max(since or 0, now_ms() - DELIVERIES_KEPT_MS)
        account = Account(settings.kafka, codec, found, workspace)
        destinations = activation_fates(account, sets, kept_since, time.monotonic() + timeout_s)
    defined = receiving(sets[-1].destinations) if sets else frozenset()
    gone = [each.destination for each in destinations if each.destination not in defined]
    return FatesCheck(events, destinations, read_pauses(settings), gone)


def _await_arrived(kafka: str, give_up_at: float) -> None:
    """Return once the worker and the sink have read what was there at the call, step by step."""
    offsets = Offsets(kafka)
    await_committed(offsets, WORKER.name, ends_of(offsets, [topics.EVENTS]), give_up_at)
    await_committed(offsets, WORKER.name, ends_of(offsets, [topics.EVENTS_RESOLVED]), give_up_at)
    await_committed(offsets, SINK.name, ends_of(offsets, SINK.reads), give_up_at)


def _attempted(due_at: int, now: int) -> str:
    """Say when what waits is attempted."""
    if due_at > now:
        return f"the next attempt of what waits is at {text_of(due_at)}"
    return (
        f"what waits is due since {text_of(due_at)}: the receiver is left alone for a while after its failures, or no"
        " deliverer runs"
    )


def _is_held(name: str, pauses: Pauses, is_ahead: bool) -> bool:
    """Return whether nothing is to be sent when it is due; where credentials are not accepted, one delivery is."""
    return name in pauses.of or name in pauses.unopened or (name in pauses.suspended and not is_ahead)


def destination_lines(checked: FatesCheck) -> Iterator[str]:
    """Yield what there is to say of destinations beside their numbers. Of one that is sent nothing nothing is due."""
    yield from held_up(checked.pauses, {each.destination for each in checked.destinations})
    pauses, now = checked.pauses, now_ms()
    for each in checked.destinations:
        if each.waiting and each.destination in checked.gone:
            yield literal(f"{each.destination} is not defined any more: {GONE}")
        elif each.due_at is not None and not _is_held(each.destination, pauses, each.due_at > now):
            yield literal(f"{each.destination}: {_attempted(each.due_at, now)}")
        for reason, number in each.reasons.items():
            yield literal(f"{each.destination}: {number:,} {reason}")
        for gone in each.lost:
            said = f"{gone.name} of {gone.profile_id or 'nobody'}, decided at {text_of(gone.decided_at)}, id {gone.id}"
            yield literal(f"missing at {each.destination}: {said}")


def _print(checked: FatesCheck) -> None:
    events = checked.events
    rows = [(name, f"{getattr(events, name):,}") for name in ("accepted", "folded", "repeated", "dead", "missing")]
    print_table(
        ("events", "number"), [*rows, ("rejected, so never accepted", f"{events.rejected:,}")], numbers=("number",)
    )
    for lost in events.lost:
        named = f"{lost.source} {lost.message_id}" if lost.message_id else "unreadable"
        click.echo(literal(f"missing: {named}, partition {lost.partition} offset {lost.offset} of {topics.EVENTS}"))
    if checked.destinations:
        click.echo()
        shown = [(each.destination, *(f"{getattr(each, name):,}" for name in _FATES)) for each in checked.destinations]
        print_table(("destination", *_FATES), shown, numbers=_FATES)
    for line in destination_lines(checked):
        click.echo(line)
    click.echo("nothing is missing" if not checked.missing else f"{checked.missing:,} missing")
