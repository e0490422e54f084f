"""`onefold identity allow|unshare`: take back what keeps persons apart for good."""

import click

from api.outcomes import RequestOutcome
from api.requests import Submission, pair_requests, requested_pairs, unshare_request
from onefold.requesting import RequestOptions, carry_out, installation, operator_request, pairs_of, request_options
from onefold.wording import count
from schemas.records import IdentityRequest
from settings import Settings


@click.command()
@click.argument("identifiers", nargs=-1, required=True, metavar="LEFT RIGHT...")
@request_options
def allow(identifiers: tuple[str, ...], options: RequestOptions) -> None:
    """Keep two persons apart no more, each named by an identifier: after `unmerge --forbid`, or a refusal in a review.

    It ties nobody: new evidence may, and `onefold merge` does. Exits with 1 if nothing was forbidden.

    \b
    Examples:
      onefold identity allow user_id:mei email:mei@example.com
      onefold identity allow phone:+4930123456 user_id:mei --reason "refused by mistake"
    """
    pairs = pairs_of(identifiers)

    def records(settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        return pair_requests(submission, "allow", requested_pairs(settings, submission.workspace, pairs))

    def done(outcome: RequestOutcome) -> str:
        return f"{count(len(outcome.decisions), 'pair')} allowed"

    settings = installation(options)
    carry_out(settings, operator_request(settings, options, records, {"pairs": "LEFT RIGHT"}), options, done)


@click.command()
@click.argument("device", metavar="NAMESPACE:VALUE")
@request_options
def unshare(device: str, options: RequestOptions) -> None:
    """Make a shared device one like any other: whose it was before, with all its events.

    The links that its being shared took are in force again, as far as the rules let them. A second person who signs in
    on it makes it shared again. Exits with 1 if it is not shared.

    \b
    Examples:
      onefold identity unshare anonymous_id:tablet
      onefold identity unshare cookie:till-2 --reason "a test of ours"
    """

    def records(settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        return (unshare_request(settings, submission, device),)

    settings = installation(options)
    carry_out(settings, operator_request(settings, options, records, {"device": "NAMESPACE:VALUE"}), options)
