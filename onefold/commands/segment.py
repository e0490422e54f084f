"""`onefold segment`: which segments there are, who is in one, since when and why, and files of members."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.progress import Progress

from api.clocks import queried_time
from api.identifiers import identity_rules
from api.segments import (
    DEFAULT_LIMIT,
    queried_changes,
    queried_members,
    queried_overlap,
    queried_summaries,
    segments_of,
)
from embedded.terminal import Terminal
from onefold.lazy import LazyGroup
from onefold.lookups import look_up, lookup_options
from onefold.member_files import FORMATS, EmptyColumns, MemberColumns, member_file
from onefold.printing import print_table
from onefold.wording import count, json_text
from runtime.hints import did_you_mean
from runtime.literal import literal
from schemas.records import Identifier
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.segments import MOST_AT_ONCE, Member, Overlap, Page, Segments, ShownSegmentChange

COMMANDS = {
    "list": ("onefold.commands.segment:list_segments", "Show all segments with their numbers of members."),
    "members": ("onefold.commands.segment:members", "Show who is in a segment, now or at a past time."),
    "history": ("onefold.commands.segment:history", "Show who entered and left, when and because of what."),
    "export": ("onefold.commands.segment:export", "Write the members of a segment to a file."),
    "overlap": ("onefold.commands.segment:overlap", "Count who is in both of two segments."),
}
_IDENTIFIERS_SHOWN = 5
_FILE = click.Path(dir_okay=False, path_type=Path)

Row = TypeVar("Row")

at_option = click.option("--at", metavar="TIME", help="A past time in ISO 8601, such as 2026-03-01T08:00:00Z.")
limit_option = click.option(
    "--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, show_default=True, help="How many to show."
)


@click.group(cls=LazyGroup, lazy=COMMANDS)
def segment() -> None:
    """Who is in which segment, since when, and why."""


@click.command("list")
@lookup_options
def list_segments(workspace: str, as_json: bool, data_dir: Path | None) -> None:
    """Show all segments: members now, entries and exits of the last 24 hours, and since when it means what it means.

    Those that are defined, and those that were and still have members or a history: they are marked as removed.

    \b
    Examples:
      onefold segment list
      onefold segment list --json
    """

    def query(settings: Settings, limit: int, cursor: str) -> Page[Any]:
        return queried_summaries(settings, workspace, limit, cursor)

    summaries = look_up(lambda settings: _gathered(settings, query, sys.maxsize), workspace, data_dir)
    if as_json:
        click.echo(json_text({"segments": summaries}))
        return
    rows = [
        (
            each.name,
            f"{each.members:,}",
            f"{each.entered:,}",
            f"{each.exited:,}",
            str(each.version or "removed"),
            each.since or "-",
        )
        for each in summaries
    ]
    numbers = ("members", "entered", "exited")
    print_table(("segment", *numbers, "version", "since"), rows, numbers=numbers)


@click.command()
@click.argument("name")
@at_option
@limit_option
@lookup_options
def members(  # noqa: PLR0913, PLR0917 - options of the command
    name: str, at: str | None, limit: int, workspace: str, as_json: bool, data_dir: Path | None
) -> None:
    """Show the members of a segment, now or at a past time, with their identifiers of today.

    \b
    Examples:
      onefold segment members big_spenders
      onefold segment members big_spenders --at 2026-03-01T08:00:00Z --limit 1000 --json
    """

    def query(settings: Settings, size: int, cursor: str) -> Page[Member]:
        return queried_members(settings, workspace, name, at, size, cursor)

    def look(settings: Settings) -> tuple[list[Member], int]:
        shown = _gathered(settings, query, limit)
        return shown, segments_of(settings, workspace).count(name, queried_time(settings, workspace, at))

    shown, total = look_up(look, workspace, data_dir)
    if as_json:
        click.echo(json_text({"segment": name, "at": at, "total": total, "members": shown}))
        return
    rows = [(member.profile_id, member.entered_at or "?", _named(member.identifiers)) for member in shown]
    print_table(("profile", "entered at", "identifiers"), rows, wrapped="identifiers")
    more = ", of which --limit shows more and 'onefold segment export' all" if total > len(shown) else ""
    click.echo(f"{count(total, 'member')}{more}")


@click.command()
@click.argument("name")
@click.option("--profile", metavar="ID|NAMESPACE:VALUE", help="Only of this person, also what was merged into it.")
@limit_option
@lookup_options
def history(  # noqa: PLR0913, PLR0917 - options of the command
    name: str, profile: str | None, limit: int, workspace: str, as_json: bool, data_dir: Path | None
) -> None:
    """Show who entered and left a segment, when and because of what; the latest change first.

    \b
    Examples:
      onefold segment history cart_abandoners
      onefold segment history cart_abandoners --profile user_id:42
    """

    def query(settings: Settings, size: int, cursor: str) -> Page[ShownSegmentChange]:
        return queried_changes(settings, workspace, name, profile, size, cursor)

    changes = look_up(lambda settings: _gathered(settings, query, limit), workspace, data_dir)
    if as_json:
        click.echo(json_text({"segment": name, "changes": changes}))
        return
    rows = [
        (change.changed_at, change.change, change.profile_id, _named(change.identifiers), change.cause)
        for change in changes
    ]
    print_table(("changed at", "change", "profile", "identifiers", "cause"), rows, wrapped="identifiers")


@click.command()
@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
@at_option
@lookup_options
def overlap(  # noqa: PLR0913, PLR0917 - options of the command
    left: str, right: str, at: str | None, workspace: str, as_json: bool, data_dir: Path | None
) -> None:
    """Count who is in both of two segments, and in one of them alone, now or at a past time.

    \b
    Examples:
      onefold segment overlap big_spenders cart_abandoners
      onefold segment overlap big_spenders cart_abandoners --at 2026-03-01
    """

    def query(settings: Settings) -> Overlap:
        return queried_overlap(settings, workspace, left, right, at)

    found = look_up(query, workspace, data_dir)
    if as_json:
        click.echo(json_text(found))
        return
    rows = [("both", f"{found.both:,}"), (f"only {left}", f"{found.only_left:,}")]
    print_table(("", "members"), [*rows, (f"only {right}", f"{found.only_right:,}")], numbers=("members",))


@click.command()
@click.argument("name")
@click.option(
    "--to",
    "path",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help=".csv, .parquet",
)
@at_option
@click.option("--identifiers", "namespaces", metavar="A,B", default="", help="Namespaces, each a column.")
@click.option("--traits", metavar="A,B", default="", help="Traits, each a column.")
@lookup_options
def export(  # noqa: PLR0913, PLR0917 - options of the command
    name: str,
    path: Path,
    at: str | None,
    namespaces: str,
    traits: str,
    workspace: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Write all members of a segment to a CSV or Parquet file: profile_id, entered_at, and the columns named.

    Identifiers and traits are those of now; several values of one namespace are divided by ; in CSV, and a list in
    Parquet. The file has its name only once it is whole. In CSV a text that a spreadsheet would take for a formula,
    such as =1+1, has a ' before it, also behind a ; in it.

    \b
    Examples:
      onefold segment export big_spenders --to big.csv --identifiers email,phone --traits plan
      onefold segment export big_spenders --to big.parquet --at 2026-03-01T08:00:00Z
    """
    if path.suffix.lower() not in FORMATS:
        raise click.BadParameter(f"the name of the file ends in {' or '.join(FORMATS)}", param_hint="--to")
    columns = MemberColumns(_listed(namespaces), _listed(traits))

    def write(settings: Settings) -> int:
        with Warehouse(settings.clickhouse, answer_timeout_s=None) as warehouse:
            segments = segments_of(settings, workspace, warehouse)
            known = [rule.name for rule in identity_rules(settings.definitions).namespaces]
            return _export(segments, name, queried_time(settings, workspace, at), path, columns, known)

    try:
        written = look_up(write, workspace, data_dir)
    except OSError as error:
        raise click.ClickException(literal(f"{path} cannot be written: {error.strerror or error}")) from None
    if as_json:
        click.echo(json_text({"segment": name, "at": at, "members": written, "file": str(path)}))
    else:
        click.echo(f"{count(written, 'member')} written to {literal(path)}")


def _export(  # noqa: PLR0913, PLR0917 - what of whom, when, and whereto
    segments: Segments, name: str, at: int | None, path: Path, columns: MemberColumns, namespaces: Collection[str]
) -> int:
    """Write all members, and return how many. Raises BadParameter for a namespace that nobody has, and no rule.

    Of a trait that no member has it is said: senders send what they like.
    """
    segments.check(name)
    empty = EmptyColumns(columns)
    written, console = 0, Terminal(stderr=True)
    bar = Progress(console=console, disable=not console.is_terminal)
    with member_file(path, columns) as file, bar:
        task = bar.add_task("Writing", total=segments.count(name, at))
        for some in segments.exported(name, at, with_traits=bool(columns.traits)):
            file.write(some)
            empty.look_at(some)
            written += len(some)
            bar.advance(task, len(some))
        unknown = [name for name in empty.namespaces if name not in namespaces and not segments.has_namespace(name)]
        if unknown:
            raise _no_namespace(unknown[0], [*namespaces, *empty.other_namespaces])
    for trait in empty.traits if written else ():
        click.echo(literal(f"no member has a trait {trait!r} ({did_you_mean(trait, empty.other_traits)})"), err=True)
    return written


def _no_namespace(namespace: str, known: Collection[str]) -> click.BadParameter:
    hint = did_you_mean(namespace, known)
    return click.BadParameter(
        literal(f"nobody and no rule of identity has a namespace {namespace!r} ({hint})"), param_hint="--identifiers"
    )


def _gathered(settings: Settings, query: Callable[[Settings, int, str], Page[Row]], limit: int) -> list[Row]:
    """Return the first rows of a query that answers in pages, as many as are there and wanted."""
    rows: list[Row] = []
    cursor: str | None = ""
    while cursor is not None and len(rows) < limit:
        page = query(settings, min(limit - len(rows), MOST_AT_ONCE), cursor)
        rows += page.rows
        cursor = page.next
    return rows


def _listed(names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stripped for name in names.split(",") if (stripped := name.strip())))


def _named(identifiers: tuple[Identifier, ...]) -> str:
    more = f" and {len(identifiers) - _IDENTIFIERS_SHOWN} more" if len(identifiers) > _IDENTIFIERS_SHOWN else ""
    return ", ".join(map(str, identifiers[:_IDENTIFIERS_SHOWN])) + more
