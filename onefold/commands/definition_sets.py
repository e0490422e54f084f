"""`onefold definitions status`, `history`, `diff` and `rollback`: the versions that were applied."""

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import msgspec

from definitions import Definitions
from definitions.sets import Completion, DefinitionSet, Publication
from definitions.sets.differences import Difference, differences, in_short
from definitions.sets.folder import Collision, Draft, collision, write_files
from definitions.streaming.consent import UNDEFINED
from definitions.streaming.times import text_of
from onefold.commands.apply import apply_options, await_effect, publish, refuse_unwanted, waiting_for
from onefold.commands.plan import plan_of, published, warn_of_secrets
from onefold.definition_plan_tree import plan_tree
from onefold.printing import print_table, print_tree
from onefold.progress import MISTYPED, worker_samples
from onefold.refreshes import RefreshStatus, status_line, statuses
from onefold.running import data_dir_option, running_settings
from onefold.wording import count, json_text
from runtime.literal import literal
from settings import Settings

_FILES_SHOWN = 5


class Mistyped(msgspec.Struct, frozen=True):
    """How often a `trait`, `segment` or `trigger` met a value of another type than it needs, since the worker began.

    Or how often for a purpose, of what is called `consent`, something was said that says nothing; empty: for one that
    is not defined.
    """

    what: str
    name: str
    values: int


class WorkspaceStatus(msgspec.Struct, frozen=True):
    """Which version everybody in a workspace is evaluated by, and what a newer one waits for.

    `mistyped`: None while the worker of this machine does not say. `left_out`: profiles that lack what definitions need
    of the past, as it is more than a record holds.
    """

    workspace: str
    in_effect: int
    under_way: str
    mistyped: tuple[Mistyped, ...] | None
    left_out: tuple[str, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """`version`: the newest. `stamped`: what every partition of events knows. `refreshes`: of mined traits."""

    version: int
    stamped: int
    workspaces: tuple[WorkspaceStatus, ...]
    refreshes: tuple[RefreshStatus, ...] = ()


class FileDifference(msgspec.Struct, frozen=True):
    """A file that says something else in two versions; None where a version does not have it."""

    file: str
    former: str | None
    later: str | None


class Version(msgspec.Struct, frozen=True):
    """One version of the definitions, in short."""

    version: int
    applied_at: str
    applied_by: str
    segments: int
    traits: int
    triggers: int
    differences: tuple[Difference, ...]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
@data_dir_option
def status(as_json: bool, data_dir: Path | None) -> None:
    """Show which version is in effect, what is under way, and which definitions meet values of a wrong type.

    Such values, of properties that are no numbers where one is needed, do not count; they are counted since the worker
    of this machine began. So are statements of consent that say nothing, such as "grantd".

    \b
    Example:
      onefold definitions status
    """
    settings = running_settings(data_dir)
    found = status_of(published(settings), settings)
    if as_json:
        click.echo(json_text(found))
        return
    if not found.version:
        click.echo("no definitions were applied: 'onefold apply DIR' does so")
        return
    click.echo(f"newest version: {found.version}")
    for each in found.workspaces:
        under_way = f", {each.under_way}" if each.under_way else ""
        click.echo(literal(f"{each.workspace}: version {each.in_effect or 'none'} is in effect{under_way}"))
        for line in map(mistyped_text, each.mistyped or ()):
            click.echo(literal(f"  {line}"))
        if each.left_out:
            click.echo(literal(f"  {left_out_text(each.left_out)}"))
    for refreshed in found.refreshes:
        click.echo(literal(status_line(refreshed)))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each version.")
@data_dir_option
def history(as_json: bool, data_dir: Path | None) -> None:
    """List the versions that were applied, the newest first, with what each changed.

    \b
    Example:
      onefold definitions history
    """
    versions = list(_versions(published(running_settings(data_dir))))
    if as_json:
        for each in versions:
            click.echo(json_text(each))
        return
    rows = [
        (str(each.version), each.applied_at, each.applied_by, in_short(each.differences) or "nothing")
        for each in versions
    ]
    print_table(("version", "applied", "by", "what changed"), rows, wrapped="what changed")


@click.command()
@click.argument("former", type=int, metavar="[VERSION]", required=False)
@click.argument("later", type=int, metavar="[VERSION]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the files that differ.")
@data_dir_option
def diff(former: int | None, later: int | None, as_json: bool, data_dir: Path | None) -> None:
    """Show what is different between two versions, file by file (default: the newest and the one before).

    \b
    Examples:
      onefold definitions diff
      onefold definitions diff 3 7
    """
    publication = published(running_settings(data_dir))
    new = _version(publication, publication.version if later is None else later)
    old = publication.sets.get(new.version - 1) if former is None else _version(publication, former)
    number = 0 if old is None else old.version
    files = list(_different_files({} if old is None else old.files, new.files))
    if as_json:
        click.echo(json_text({"former": number, "later": new.version, "files": files}))
        return
    for each in files:
        lines = difflib.unified_diff(
            (each.former or "").splitlines(),
            (each.later or "").splitlines(),
            f"{each.file} (version {number})",
            f"{each.file} (version {new.version})",
            lineterm="",
        )
        for line in lines:
            click.echo(literal(line))
    if not files:
        click.echo(f"version {new.version} has the same files as version {number}")


def _different_files(former: Mapping[str, str], later: Mapping[str, str]) -> Iterator[FileDifference]:
    for file in sorted(former.keys() | later.keys()):
        if former.get(file) != later.get(file):
            yield FileDifference(file, former.get(file), later.get(file))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--version", type=int, help="Which version (default: the newest).")
@click.option("--force", is_flag=True, help="Replace files in DIR that say something else, and leave others there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@data_dir_option
def export(folder: Path, version: int | None, force: bool, as_json: bool, data_dir: Path | None) -> None:
    """Write the files of a version into DIR, as they were when it was applied.

    Without --force it refuses a folder that has other definitions.

    \b
    Examples:
      onefold definitions export my-definitions
      onefold definitions export version-3 --version 3
    """
    publication = published(running_settings(data_dir))
    of = _version(publication, publication.version if version is None else version)
    try:
        found = collision(of, folder)
        refuse_collision(found, of.version, folder, force)
        write_files(of, folder)
    except OSError as error:
        reason = error.strerror or error
        raise click.ClickException(literal(f"{error.filename or folder} cannot be written: {reason}")) from None
    if as_json:
        click.echo(
            json_text({"version": of.version, "folder": str(folder), "files": sorted(of.files), "left": found.left})
        )
        return
    click.echo(literal(f"{count(len(of.files), 'file')} of version {of.version} in {folder}"))
    if found.left:
        click.echo(literal(f"{folder} is not version {of.version}: it still has {_shown(found.left)}"), err=True)


def refuse_collision(found: Collision, version: int, folder: Path, force: bool) -> None:
    """Raise ClickException if a folder has other definitions than a version, unless they may be replaced."""
    if force or not (found.replaced or found.left):
        return
    consequences = ((found.replaced, "would be replaced"), (found.left, "would stay, which it does not have"))
    what = "; ".join(f"{_shown(names)} {consequence}" for names, consequence in consequences if names)
    refused = f"{folder} has other definitions than version {version}: {what}"
    raise click.ClickException(literal(f"{refused}; nothing is written, --force writes all the same"))


def _shown(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _FILES_SHOWN:,} more" if len(names) > _FILES_SHOWN else ""
    return f"{', '.join(names[:_FILES_SHOWN])}{more}"


@click.command()
@click.argument("version", type=int)
@apply_options
@data_dir_option
def rollback(version: int, yes: bool, wait: bool, timeout_s: float, as_json: bool, data_dir: Path | None) -> None:  # noqa: PLR0913, PLR0917
    """Apply what VERSION said once more, as a new version; shows what changes, as apply does.

    \b
    Example:
      onefold definitions rollback 3
    """
    settings = running_settings(data_dir)
    publication = published(settings)
    former = _version(publication, version)
    draft = Draft(former.definitions, former.files)
    made = plan_of(settings, draft, publication)
    if not as_json:
        print_tree(plan_tree(made))
        warn_of_secrets(made, draft)
    refuse_unwanted(made, yes)
    newest = publish(settings, draft, publication).version if made.is_new else publication.version
    if made.is_new and not as_json:
        click.echo(f"applied version {newest}, which says what version {version} did")
    if wait:
        await_effect(settings, newest, timeout_s, is_silent=as_json)
    if as_json:
        click.echo(json_text({"version": newest, "applied": made.is_new, "plan": made}))


def status_of(publication: Publication, settings: Settings) -> Status:
    """Say how far the newest version has come in each workspace."""
    mistyped = _mistyped(settings)
    return Status(
        publication.version,
        publication.stamped_everywhere(settings.partitions),
        tuple(
            WorkspaceStatus(
                name,
                publication.walked_to(name, settings.partitions),
                _under_way(publication, name, settings.partitions),
                None if mistyped is None else tuple(mistyped.get(name, ())),
                publication.completions.get(name, Completion(0)).left_out,
            )
            for name in settings.workspaces
        ),
        tuple(statuses(publication, settings.workspaces, settings.partitions)),
    )


def _under_way(publication: Publication, workspace: str, partitions: int) -> str:
    waiting = waiting_for(publication, publication.version, [workspace], partitions)
    return waiting and f"version {publication.version}: {waiting}"


def _mistyped(settings: Settings) -> dict[str, list[Mistyped]] | None:
    """Ask the worker of this machine, by workspace; None if it does not say. What is mistyped most comes first."""
    samples = worker_samples(settings, MISTYPED)
    if samples is None:
        return None
    by_workspace: defaultdict[str, list[Mistyped]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: (-sample.value, sample.labels["what"], sample.labels["name"])):
        counted = Mistyped(sample.labels["what"], sample.labels["name"], int(sample.value))
        by_workspace[sample.labels["workspace"]].append(counted)
    return by_workspace


def mistyped_text(mistyped: Mistyped) -> str:
    """Say what a definition has met that did not count."""
    if mistyped.what == "consent":
        said = f"{count(mistyped.values, 'statement')} of events did not count"
        if mistyped.name == UNDEFINED:
            return f"consent: {said}: an undefined purpose"
        why = "none of granted, denied and unknown, an undefined channel, or a trait that is neither true nor false"
        return f"consent {mistyped.name}: {said}: {why}"
    return f"{mistyped.what} {mistyped.name}: {count(mistyped.values, 'value')} of a wrong type did not count"


def left_out_text(profiles: tuple[str, ...]) -> str:
    """Say which profiles a back-fill has left out, and why."""
    return (
        f"{count(len(profiles), 'profile')} left out of back-fills, as what definitions need of the past is more than a"
        f" record holds: {_shown(profiles)}"
    )


def _versions(publication: Publication) -> Iterator[Version]:
    for number in sorted(publication.sets, reverse=True):
        each, former = publication.sets[number], publication.sets.get(number - 1)
        yield Version(
            number,
            text_of(each.applied_at) or "",
            each.applied_by,
            len(each.segments),
            len(each.traits),
            len(each.triggers) + len(each.across),
            differences(former.definitions if former else Definitions(), each.definitions),
        )


def _version(publication: Publication, version: int) -> DefinitionSet:
    if version not in publication.sets:
        known = f"there are {count(len(publication.sets), 'version')}, the newest is {publication.version}"
        raise click.ClickException(f"there is no version {version}: {known}")
    return publication.sets[version]
