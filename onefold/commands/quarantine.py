"""`onefold identity quarantine accept|refuse`: decides on evidence that waits for a review. `identity` lists it."""

from collections.abc import Callable
from typing import Literal

import click

from api.outcomes import RequestOutcome
from api.requests import Submission, pair_requests, requested_pairs, waiting_pairs
from onefold.requesting import RequestOptions, carry_out, installation, operator_request, pairs_of, request_options
from onefold.wording import count, in_words
from schemas.records import IdentityRequest
from settings import Settings


@click.command()
@click.argument("identifiers", nargs=-1, metavar="[LEFT RIGHT]...")
@click.option("--all", "is_all", is_flag=True, help="Everything that waits.")
@request_options
def accept(identifiers: tuple[str, ...], is_all: bool, options: RequestOptions) -> None:
    """Follow evidence that waits: the two identifiers of each pair are one person.

    Limits and vetoes of the rules hold, and refuse what is against them.

    \b
    Examples:
      onefold identity quarantine accept phone:+4930123456 user_id:mei
      onefold identity quarantine accept --all --reason "checked with the shop"
    """

    def done(outcome: RequestOutcome) -> str:
        refused = (f"1 pair refused: {in_words(reason)}" for reason in outcome.refused)
        return "\n".join([f"{count(len(outcome.decisions) - len(outcome.refused), 'pair')} accepted", *refused])

    _review("accept", identifiers, is_all, options, done)


@click.command()
@click.argument("identifiers", nargs=-1, metavar="[LEFT RIGHT]...")
@click.option("--all", "is_all", is_flag=True, help="Everything that waits.")
@request_options
def refuse(identifiers: tuple[str, ...], is_all: bool, options: RequestOptions) -> None:
    """Do not follow evidence that waits: the two identifiers of each pair are not one person.

    \b
    Examples:
      onefold identity quarantine refuse phone:+4930123456 user_id:mei
      onefold identity quarantine refuse --all
    """

    def done(outcome: RequestOutcome) -> str:
        return f"{count(len(outcome.decisions), 'pair')} refused"

    _review("refuse", identifiers, is_all, options, done)


def _review(
    kind: Literal["accept", "refuse"],
    identifiers: tuple[str, ...],
    is_all: bool,
    options: RequestOptions,
    done: Callable[[RequestOutcome], str],
) -> None:
    if bool(identifiers) == is_all:
        raise click.UsageError("name pairs, each by its two identifiers, or --all")
    named = pairs_of(identifiers)

    def records(settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        workspace = submission.workspace
        pairs = waiting_pairs(settings, workspace) if is_all else requested_pairs(settings, workspace, named)
        return pair_requests(submission, kind, pairs)

    settings = installation(options)
    request = operator_request(settings, options, records, {"pairs": "LEFT RIGHT"})
    carry_out(settings, request, options, done)
