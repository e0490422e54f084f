"""`onefold identity quarantine accept|refuse`: decides on evidence that waits for a review. `identity` lists it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from api.requests import (
    RequestOutcome,
    RequestRefused,
    Submission,
    pair_requests,
    requested_pairs,
    waiting_pairs,
)
from onefold.lookups import lookup_failure
from onefold.requests import OperatorRequest, carry_out, new_request_id, now_ms, request_options
from onefold.running import running_settings, workspace_named
from onefold.wording import json_text
from runtime.errors import OnefoldError
from runtime.literal import literal
from schemas.records import Pair
from settings import Settings
from warehouse.client import look_ups

_DONE = {"accept": "accepted", "refuse": "refused"}


@click.command()
@click.argument("identifiers", nargs=-1, metavar="[LEFT RIGHT]...")
@click.option("--all", "is_all", is_flag=True, help="Everything that waits.")
@request_options
def accept(identifiers: tuple[str, ...], is_all: bool, **options: object) -> None:
    """Follow evidence that waits: the two identifiers of each pair are one person.

    \b
    Examples:
      onefold identity quarantine accept phone:+4930123456 user_id:mei
      onefold identity quarantine accept --all --reason "checked with the shop"
    """
    _review("accept", identifiers, is_all, **options)  # type: ignore[arg-type]


@click.command()
@click.argument("identifiers", nargs=-1, metavar="[LEFT RIGHT]...")
@click.option("--all", "is_all", is_flag=True, help="Everything that waits.")
@request_options
def refuse(identifiers: tuple[str, ...], is_all: bool, **options: object) -> None:
    """Do not follow evidence that waits: the two identifiers of each pair are not one person.

    \b
    Examples:
      onefold identity quarantine refuse phone:+4930123456 user_id:mei
      onefold identity quarantine refuse --all
    """
    _review("refuse", identifiers, is_all, **options)  # type: ignore[arg-type]


def _review(  # noqa: PLR0913 - one for each option
    kind: Literal["accept", "refuse"],
    identifiers: Sequence[str],
    is_all: bool,
    *,
    reason: str,
    workspace: str,
    no_wait: bool,
    timeout_s: float,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    if bool(identifiers) == is_all:
        raise click.UsageError("name pairs, each by its two identifiers, or --all")
    settings = running_settings(data_dir)
    workspace_named(settings, workspace)
    pairs = _waiting(settings, workspace, as_json) if is_all else _named(settings, workspace, identifiers)
    submission = Submission(workspace, new_request_id(), now_ms(), reason)
    request = OperatorRequest(submission.request_id, pair_requests(submission, kind, pairs))
    done = f"{len(pairs):,} pair{'' if len(pairs) == 1 else 's'} {_DONE[kind]}"
    carry_out(settings, request, no_wait=no_wait, timeout_s=timeout_s, as_json=as_json, done=done)


def _named(settings: Settings, workspace: str, identifiers: Sequence[str]) -> tuple[Pair, ...]:
    if len(identifiers) % 2:
        raise click.UsageError("a pair has two identifiers: LEFT RIGHT")
    try:
        return requested_pairs(settings, workspace, zip(identifiers[::2], identifiers[1::2], strict=True))
    except RequestRefused as error:
        raise click.BadParameter(literal(error), param_hint="LEFT RIGHT") from None
    except OnefoldError as error:
        raise lookup_failure(error) from error


def _waiting(settings: Settings, workspace: str, as_json: bool) -> tuple[Pair, ...]:
    try:
        pairs = waiting_pairs(look_ups(settings.clickhouse), workspace)
    except OnefoldError as error:
        raise lookup_failure(error) from error
    if not pairs:
        if as_json:
            nothing = RequestOutcome("", "unchanged", reasons=("nothing waits for a review",))
            click.echo(json_text(nothing))
        raise click.ClickException("nothing was changed: nothing waits for a review")
    return pairs
