"""`onefold merge`: make one person of two whom no event shows together."""

from pathlib import Path

import click

from api.requests import RequestRefused, Submission, UnknownProfile, merge_request
from onefold.lookups import lookup_failure
from onefold.requests import OperatorRequest, carry_out, new_request_id, now_ms, request_options
from onefold.running import running_settings, workspace_named
from runtime.errors import OnefoldError
from runtime.literal import literal


@click.command()
@click.argument("left")
@click.argument("right")
@request_options
def merge(  # noqa: PLR0913, PLR0917 - one for each option
    left: str,
    right: str,
    reason: str,
    workspace: str,
    no_wait: bool,
    timeout_s: float,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Make one person of two, each named by an identifier, NAMESPACE:VALUE, or by a profile's id.

    The two are tied by evidence of the source `operator`, which `onefold unmerge` takes back. Limits and vetoes of the
    rules hold; what waits for a review because of its size does not wait here. Exits with 1 if that changes nothing.

    \b
    Examples:
      onefold merge user_id:mei external_id:crm-7 --reason "asked her"
      onefold merge 5d1e7a90-... email:mei@example.com
    """
    settings = running_settings(data_dir)
    workspace_named(settings, workspace)
    submission = Submission(workspace, new_request_id(), now_ms(), reason)
    try:
        request = merge_request(settings, submission, left, right)
    except RequestRefused as error:
        raise click.BadParameter(literal(error), param_hint=error.field.upper()) from None
    except UnknownProfile as error:
        raise click.ClickException(literal(error)) from None
    except OnefoldError as error:
        raise lookup_failure(error) from error
    sent = OperatorRequest(submission.request_id, (request,))
    carry_out(settings, sent, no_wait=no_wait, timeout_s=timeout_s, as_json=as_json)
