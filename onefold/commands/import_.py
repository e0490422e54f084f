"""`onefold import`: past events from a file by its mapping, or CDNOW. The work is `collectors.sources.files`'s."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import click
import msgspec
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from collectors.sources.files.cdnow import MAPPING as CDNOW_MAPPING
from collectors.sources.files.cdnow import FetchFailed, fetch_cdnow
from collectors.sources.files.load import Summary, import_file
from collectors.sources.files.mapping import Mapping
from collectors.sources.files.mapping_file import read_mapping
from collectors.sources.files.problems import FileProblems, MappingError, NotSent
from definitions import DefinitionErrors
from embedded.fetch import cache_dir, prepare_cache
from embedded.terminal import Terminal
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.unreachable import failure
from onefold.wording import json_text
from runtime.errors import OnefoldError
from runtime.hints import closest
from runtime.literal import literal

_LINE_EVERY_S = 2.0


@click.command("import", short_help="Import a file of past events.")
@click.argument("file")
@click.option("--mapping", "mapping_path", type=click.Path(path_type=Path), help="YAML file: what the columns mean.")
@click.option("--workspace", help="Import into this workspace instead of the mapping's.")
@click.option("--dry-run", is_flag=True, help="Only check the file.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as a JSON object.")
@data_dir_option
def import_(  # noqa: PLR0913, PLR0917 - one parameter for each option
    file: str, mapping_path: Path | None, workspace: str | None, dry_run: bool, as_json: bool, data_dir: Path | None
) -> None:
    """Import FILE, a CSV or blank-separated file, plain or gzip, as events. docs/guide/importing.md says how.

    Every row is checked before the first is sent; rows are sent in the order of their times. Importing a file again
    changes nothing: the same rows get the same message ids.

    \b
    Examples:
      onefold import cdnow                             69,659 real purchases of 1997 and 1998
      onefold import orders.csv --mapping orders.yaml
      onefold import orders.csv.gz --mapping orders.yaml --dry-run --json
    """
    settings = running_settings(data_dir)
    try:
        mapping = _mapping(file, mapping_path, workspace)
        if not dry_run:
            workspace_named(settings, mapping.workspace)
        path = _cdnow() if file == "cdnow" else Path(file)
        with ImportScreen() as screen:
            summary = import_file(path, mapping, settings, screen, dry_run)
    except (FetchFailed, MappingError, NotSent) as error:
        raise click.ClickException(literal(error)) from None
    except DefinitionErrors as errors:
        raise click.ClickException(str(errors)) from None
    except FileProblems as error:
        click.echo("\n".join(map(literal, error.problems)), err=True)
        raise click.ClickException("the file does not fit its mapping; nothing was sent") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror or error}") from None
    except OnefoldError as error:
        raise click.ClickException(f"{failure(error)}; nothing was sent") from None
    click.echo(json_text(summary) if as_json else _sentence(summary, dry_run))
    if not (as_json or dry_run):
        click.echo("Not all of it may be in ClickHouse yet: 'onefold drain' waits until it is.", err=True)


def _cdnow() -> Path:
    prepare_cache(cache_dir())
    return fetch_cdnow(cache_dir())


def _mapping(file: str, path: Path | None, workspace: str | None) -> Mapping:
    if path is None:
        if file != "cdnow":
            if closest(file, ["cdnow"]) and not Path(file).exists():
                raise click.UsageError(f"there is no file {literal(file)}: did you mean 'cdnow'?")
            raise click.UsageError("--mapping is needed: it says what the columns of the file mean")
        path = CDNOW_MAPPING
    mapping = read_mapping(path)
    return mapping if workspace is None else msgspec.structs.replace(mapping, workspace=workspace)


def _sentence(summary: Summary, dry_run: bool) -> str:
    what = "would be sent, nothing was" if dry_run else f"sent in {summary.seconds:.1f} s"
    repeated = f", {summary.repeated:,} of them equal to an earlier one" if summary.repeated else ""
    unused = sum(summary.unused_identifiers.values())
    reasons = ", ".join(summary.unused_identifiers)
    unusable = f"; {unused:,} of their identifiers are unusable ({reasons})" if unused else ""
    repairs = sum(summary.repairs.values())
    repaired = f"; {repairs:,} of their fields are repaired ({', '.join(summary.repairs)})" if repairs else ""
    return f"{summary.events:,} events{repeated}: {what} to workspace {summary.workspace}{unusable}{repaired}"


class ImportScreen:
    """Two bars on a terminal, elsewhere a line when each begins, every two seconds, and when it has ended.

    Both on stderr, so that stdout is the summary's.
    """

    def __init__(self) -> None:
        self._console = Terminal(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeElapsedColumn(),
        )
        self._bars = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._started_at: dict[str, float] = {}
        self._next_line_at = 0.0
        self._counted: tuple[str, int, int] | None = None
        self._unprinted = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        self._print()

    def checked(self, read_bytes: int, size: int, events: int) -> None:
        """Implement `collectors.sources.files.load.ImportProgress`."""
        self._show("Checking", read_bytes, size, events)

    def sent(self, events: int, total: int) -> None:
        """Implement `collectors.sources.files.load.ImportProgress`."""
        self._show("Sending", events, total, events)

    def _show(self, phase: str, done: int, total: int, events: int) -> None:
        if self._counted == (phase, done, events):
            return
        self._counted = phase, done, events
        now = time.monotonic()
        begins = phase not in self._started_at
        started_at = self._started_at.setdefault(phase, now)
        shown = f"{events:,} events, {events / max(now - started_at, 0.001):,.0f}/s"
        if self._console.is_terminal:
            if begins:
                self._tasks[phase] = self._bars.add_task(phase, total=total, shown="")
            self._bars.update(self._tasks[phase], completed=done, total=total, shown=shown)
            return
        if begins:
            self._print()
        self._unprinted = f"{phase}: {100 * done // max(total, 1)} %, {shown}"
        if begins or now >= self._next_line_at:
            self._print()
            self._next_line_at = now + _LINE_EVERY_S

    def _print(self) -> None:
        if self._unprinted:
            self._console.print(self._unprinted)
            self._unprinted = ""
