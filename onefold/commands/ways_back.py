"""`onefold identity allow|unshare`: take back what keeps persons apart for good."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from api.requests import RequestRefused, Submission, pair_requests, requested_pairs, unshare_request
from onefold.lookups import lookup_failure
from onefold.requests import OperatorRequest, carry_out, new_request_id, now_ms, request_options
from onefold.running import running_settings, workspace_named
from onefold.wording import count
from runtime.errors import OnefoldError
from runtime.literal import literal
from schemas.records import IdentityRequest
from settings import Settings


@click.command()
@click.argument("identifiers", nargs=-1, required=True, metavar="LEFT RIGHT...")
@request_options
def allow(  # noqa: PLR0913, PLR0917 - one for each option
    identifiers: tuple[str, ...],
    reason: str,
    workspace: str,
    no_wait: bool,
    timeout_s: float,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Keep two persons apart no more, each named by an identifier: after `unmerge --forbid`, or a refusal in a review.

    It ties nobody: new evidence may, and `onefold merge` does. Exits with 1 if nothing was forbidden.

    \b
    Examples:
      onefold identity allow user_id:mei email:mei@example.com
      onefold identity allow phone:+4930123456 user_id:mei --reason "refused by mistake"
    """
    if len(identifiers) % 2:
        raise click.UsageError("a pair has two identifiers: LEFT RIGHT")
    pairs = tuple(zip(identifiers[::2], identifiers[1::2], strict=True))

    def requests(settings: Settings, submission: Submission) -> Sequence[IdentityRequest]:
        return pair_requests(submission, "allow", requested_pairs(settings, submission.workspace, pairs))

    submission = Submission(workspace, new_request_id(), now_ms(), reason)
    done = f"{count(len(pairs), 'pair')} allowed"
    _carry_out(requests, submission, "LEFT RIGHT", done, no_wait, timeout_s, as_json, data_dir)


@click.command()
@click.argument("device", metavar="NAMESPACE:VALUE")
@request_options
def unshare(  # noqa: PLR0913, PLR0917 - one for each option
    device: str,
    reason: str,
    workspace: str,
    no_wait: bool,
    timeout_s: float,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Make a shared device one like any other: whose it was before, with all its events.

    The links that its being shared took are in force again, as far as the rules let them. A second person who signs in
    on it makes it shared again. Exits with 1 if it is not shared.

    \b
    Examples:
      onefold identity unshare anonymous_id:tablet
      onefold identity unshare cookie:till-2 --reason "a test of ours"
    """

    def requests(settings: Settings, submission: Submission) -> Sequence[IdentityRequest]:
        return (unshare_request(settings, submission, device),)

    submission = Submission(workspace, new_request_id(), now_ms(), reason)
    _carry_out(requests, submission, "NAMESPACE:VALUE", "", no_wait, timeout_s, as_json, data_dir)


def _carry_out(  # noqa: PLR0913, PLR0917 - what a request is, and how it is followed
    requests: Callable[[Settings, Submission], Sequence[IdentityRequest]],
    submission: Submission,
    hint: str,
    done: str,
    no_wait: bool,
    timeout_s: float,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    settings = running_settings(data_dir)
    workspace_named(settings, submission.workspace)
    try:
        request = OperatorRequest(submission.request_id, tuple(requests(settings, submission)))
    except RequestRefused as error:
        raise click.BadParameter(literal(error), param_hint=hint) from None
    except OnefoldError as error:
        raise lookup_failure(error) from error
    carry_out(settings, request, no_wait=no_wait, timeout_s=timeout_s, as_json=as_json, done=done)
