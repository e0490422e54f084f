"""`onefold merge`: make one person of two whom no event shows together."""

import click

from api.requests import merge_request
from onefold.requesting import RequestOptions, carry_out, installation, operator_request, request_options


@click.command()
@click.argument("left")
@click.argument("right")
@request_options
def merge(left: str, right: str, options: RequestOptions) -> None:
    """Make one person of two, each named by an identifier, NAMESPACE:VALUE, or by a profile's id.

    The two are tied by evidence of the source `operator`, which `onefold unmerge` takes back. Limits and vetoes of the
    rules hold; what waits for a review because of its size does not wait here. Exits with 1 if that changes nothing.

    \b
    Examples:
      onefold merge user_id:mei external_id:crm-7 --reason "asked her"
      onefold merge 5d1e7a90-... email:mei@example.com
    """
    settings = installation(options)
    request = operator_request(
        settings,
        options,
        lambda settings, submission: (merge_request(settings, submission, left, right),),
        {"left": "LEFT", "right": "RIGHT"},
    )
    carry_out(settings, request, options)
