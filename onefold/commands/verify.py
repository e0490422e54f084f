"""`onefold verify`: compare what the streams hold of definitions with what SQL makes of the events."""

from collections.abc import Sequence
from pathlib import Path

import click

from definitions.sets.topic import read_publication
from definitions.streaming.times import text_of
from onefold.commands.clock import milliseconds
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.unreachable import failure
from onefold.verification import KINDS, Found, Reason, Verification, Verified, shown
from onefold.wording import count, json_text
from runtime.errors import OnefoldError
from runtime.literal import literal
from settings import Settings, Workspace
from warehouse.client import Warehouse

ANSWER_TIMEOUT_S = 600.0


@click.command()
@click.option("--workspace", "name", default="main", show_default=True)
@click.option("--samples", type=click.IntRange(min=0), default=3, show_default=True, help="Persons with reasons.")
@click.option("--clock", "clock", metavar="TIME", help="On the event clock: where `onefold clock advance` moved it.")
@click.option("--metrics", type=click.Path(dir_okay=False, path_type=Path), help="Write gauges for Prometheus there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@data_dir_option
def verify(  # noqa: PLR0913, PLR0917 - the options of a command
    name: str, samples: int, clock: str | None, metrics: Path | None, as_json: bool, data_dir: Path | None
) -> None:
    """Compare the members of segments and the values of traits with what SQL makes of the events now.

    Exits with 0 if nothing differs, else with 1. Who differs is looked at four times within 17 seconds: an event that
    is on its way is no difference. Profiles that have moved meanwhile are left out, and counted.

    \b
    Examples:
      onefold verify
      onefold verify --workspace cdnow --clock 1998-07-01
      onefold verify --metrics /var/lib/node_exporter/onefold.prom
    """
    settings = running_settings(data_dir)
    workspace = workspace_named(settings, name)
    if clock is not None and workspace.clock != "event":
        raise click.BadParameter(f"workspace {name!r} lives on the wall clock", param_hint="--clock")
    at = None if clock is None else milliseconds(clock, "--clock")
    verified = _verified(settings, workspace, at, samples)
    if as_json:
        click.echo(json_text({"differ": _differ(verified), "verified": [shown(each) for each in verified]}))
    else:
        click.echo("\n".join(line for each in verified for line in _lines(each)) or "nothing is in effect")
    if metrics is not None:
        write_gauges(metrics, verified)
    if _differ(verified):
        raise SystemExit(1)


def _verified(settings: Settings, workspace: Workspace, clock: int | None, samples: int) -> list[Verified]:
    try:
        evaluated = read_publication(settings.kafka).evaluated(workspace.name, settings.partitions)
        if evaluated is None:
            return []
        defined = evaluated.definitions
        with Warehouse(settings.clickhouse, ANSWER_TIMEOUT_S) as warehouse:
            verifications = [
                Verification(warehouse, defined, workspace, kind, settings.partitions, clock) for kind in KINDS
            ]
            return [each.verify(samples) for each in verifications if not each.is_empty]
    except OnefoldError as error:
        raise click.ClickException(failure(error)) from error


def _differ(verified: Sequence[Verified]) -> bool:
    return any(each.differences for each in verified)


def _lines(verified: Verified) -> list[str]:
    defined = f"{count(verified.segments, 'segment')} and {count(verified.traits, 'trait')}"
    moved = f"; {count(verified.moving, 'profile')} moved meanwhile" if verified.moving else ""
    about = f"{verified.workspace}, {verified.kind}s: {defined}"
    lines = []
    if verified.events_since is not None:
        since = text_of(verified.events_since)
        lines.append(f"{verified.workspace}: events before {since} were dropped, SQL does not see them")
    if not verified.differences:
        return [*lines, f"{about}: the streams and SQL agree{moved}"]
    lines.append(f"{about}: the streams and SQL differ about {count(len(verified.differences), 'profile')}{moved}")
    names = {name for each in verified.differences for name in (*each.missing, *each.surplus, *each.traits)}
    for name in sorted(names):
        lines.append(f"{literal(name)}: {count(verified.count(name), 'profile')}")
        for each in verified.differences:
            lines += _reasons(each, name)
    return lines


def _reasons(found: Found, name: str) -> list[str]:
    if name in found.traits:
        by_sql, by_streams = found.traits[name]
        return [f"  {found.profile_id}: {json_text(by_streams)} by the streams, {json_text(by_sql)} by SQL"]
    reason = found.reasons.get(name)
    if reason is None:
        return []
    said = "not in it, and is by SQL" if name in found.missing else "in it, and is not by SQL"
    return [f"  {found.profile_id} is {said}", *reason_lines(reason)]


def reason_lines(reason: Reason, indent: str = "    ") -> list[str]:
    """Return a reason as `onefold explain` shows one: each part below what it is a part of."""
    mark = "yes" if reason.holds else "no "
    parts = (line for part in reason.parts for line in reason_lines(part, f"{indent}  "))
    return [f"{indent}{mark} {reason.condition}", *parts]


def write_gauges(file: Path, verified: Sequence[Verified]) -> None:
    """Write gauges in Prometheus' text format, whole or not at all. Raises ClickException."""
    lines = [
        "# HELP onefold_definitions_differing Profiles about which the streams and SQL differ.",
        "# TYPE onefold_definitions_differing gauge",
    ]
    lines += [
        f'onefold_definitions_differing{{workspace="{each.workspace}",kind="{each.kind}"}} {len(each.differences)}'
        for each in verified
    ]
    lines += [
        "# HELP onefold_definitions_verified_at Time as of which they were compared, in seconds.",
        "# TYPE onefold_definitions_verified_at gauge",
    ]
    lines += [
        f'onefold_definitions_verified_at{{workspace="{each.workspace}",kind="{each.kind}"}} {each.as_of / 1000}'
        for each in verified
    ]
    written = file.with_name(f".{file.name}.new")
    try:
        written.write_text("\n".join(lines) + "\n", encoding="utf-8")
        written.replace(file)
    except OSError as error:
        raise click.ClickException(literal(f"{file} cannot be written: {error.strerror or error}")) from None
