"""`onefold destination sync`: bring a destination in line with the segments that name it."""

from pathlib import Path

import click
import msgspec
from rich.progress import Progress

from api.pausing import check_receiving
from definitions.sets.topic import read_publication
from embedded.terminal import Terminal
from onefold.destination_sync import SegmentGaps, Sync
from onefold.lookups import look_up
from onefold.printing import print_table
from onefold.running import data_dir_option
from onefold.wording import json_text
from settings import Settings

INTERRUPTED = 130


class Synced(msgspec.Struct, frozen=True):
    """What was missing, how much of it was put on its way, and whether all."""

    found: list[SegmentGaps]
    sent: int
    is_whole: bool


@click.command()
@click.argument("name", metavar="DESTINATION")
@click.option("--dry-run", is_flag=True, help="Only say what is missing.")
@click.option("--workspace", default="main", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
def sync(name: str, dry_run: bool, workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Send a destination the entries and exits that it lacks: all members, if it was connected just now.

    Compares the members of each segment that names the destination with what was delivered last; who was delivered of a
    segment that names it no more, or is defined no more, is taken out. What waits is left
    alone, and what may not be sent is not sent again; all checks meet what is sent. It may be stopped with Ctrl-C at
    any time, and the next one goes on.

    \b
    Examples:
      onefold destination sync ads --dry-run
      onefold destination sync ads
    """

    def run(settings: Settings) -> Synced:
        started = _started(settings, workspace, name)
        try:
            found = started.find()
            total = sum(len(each.gaps) for each in found)
            if dry_run or not total:
                return Synced(found, 0, True)
            return Synced(found, *_sent(started, found, total))
        finally:
            started.close()

    synced = look_up(run, workspace, data_dir)
    _print(synced, name, dry_run, as_json)
    if not synced.is_whole:
        raise SystemExit(INTERRUPTED)


def _started(settings: Settings, workspace: str, name: str) -> Sync:
    """Return the run. Raises UnknownDefinition for a destination without a receiver that is in force."""
    newest = read_publication(settings.kafka).newest
    defined = {} if newest is None else {each.name: each for each in newest.destinations}
    check_receiving(defined.values(), name)
    assert newest is not None, "it defines the destination"
    return Sync(settings, workspace, newest, defined[name])


def _sent(started: Sync, found: list[SegmentGaps], total: int) -> tuple[int, bool]:
    console, number = Terminal(stderr=True), 0
    bar = Progress(console=console, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("Sending", total=total)
        try:
            for some in started.run(found):
                number += some
                bar.advance(task, some)
        except KeyboardInterrupt:
            return number, False
    return number, True


def _print(synced: Synced, name: str, dry_run: bool, as_json: bool) -> None:
    rows = [(each.segment, each.entries, each.exits, each.waiting, each.suppressed) for each in synced.found]
    names = ("segment", "entries", "exits", "waiting", "suppressed")
    if as_json:
        segments = [dict(zip(names, row, strict=True)) for row in rows]
        answer = {"destination": name, "dry_run": dry_run, "sent": synced.sent, "whole": synced.is_whole}
        click.echo(json_text(answer | {"segments": segments}))
        return
    print_table(names, [(row[0], *(f"{number:,}" for number in row[1:])) for row in rows], numbers=names[1:])
    if not dry_run:
        click.echo(f"{synced.sent:,} put on their way{'' if synced.is_whole else ', and stopped'}")
