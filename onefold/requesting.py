"""What the commands have in common that request something of GRAPH: options, refusals, and what is printed at the end.

Sending records and following them is left to `requests`, their making to `api.requests`.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from api.outcomes import RequestOutcome, outcome_of
from api.requests import NothingToRequest, RequestRefused, Submission, UnknownProfile
from onefold.lookups import lookup_failure
from onefold.requests import OperatorRequest, send_and_follow, send_only, summary
from onefold.running import data_dir_option, running_settings, workspace_named
from onefold.wording import in_words, json_text
from runtime.clock import now_ms
from runtime.errors import OnefoldError
from runtime.literal import literal
from schemas.records import IdentityRequest
from settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
Records = Callable[[Settings, Submission], Sequence[IdentityRequest]]
"""Makes the records of a request. Raises RequestRefused, UnknownProfile and OnefoldError."""


class RequestOptions(msgspec.Struct, frozen=True):
    """The options of every command that requests something."""

    reason: str
    workspace: str
    no_wait: bool
    timeout_s: float
    as_json: bool
    data_dir: Path | None


def request_options(command: Command) -> Command:
    """Add these options to a command, which gets them together as its argument `options`."""

    @wraps(command)
    def gathered(**arguments: object) -> object:
        values = {name: arguments.pop(name) for name in RequestOptions.__struct_fields__}
        return command(options=RequestOptions(**values), **arguments)  # type: ignore[arg-type]

    for option in (
        click.option("--reason", default="", metavar="TEXT", help="Why; kept with the evidence."),
        click.option("--workspace", default="main", show_default=True),
        click.option("--no-wait", is_flag=True, help="Return once the request is sent."),
        click.option(
            "--timeout",
            "timeout_s",
            type=click.FloatRange(min=0),
            default=300.0,
            show_default=True,
            help="Seconds to follow it; it goes on all the same.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object."),
        data_dir_option,
    ):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]


def new_request_id() -> str:
    """Make an id for a request."""
    return uuid.uuid4().hex


def pairs_of(identifiers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of an argument LEFT RIGHT... Raises UsageError if one of them lacks its right end."""
    if len(identifiers) % 2:
        raise click.UsageError(f"a pair has two identifiers, LEFT RIGHT, and {literal(identifiers[-1])} has no other")
    return tuple(zip(identifiers[::2], identifiers[1::2], strict=True))


def installation(options: RequestOptions) -> Settings:
    """Return the settings of the installation that the options name. Raises ClickException if there is none."""
    settings = running_settings(options.data_dir)
    workspace_named(settings, options.workspace)
    return settings


def operator_request(
    settings: Settings, options: RequestOptions, records: Records, names: Mapping[str, str], *, forbid: bool = False
) -> OperatorRequest:
    """Return what is to be sent, under a new id. `names` as in `refusals_worded`; raises ClickException."""
    submission = Submission(options.workspace, new_request_id(), now_ms(), options.reason, forbid)
    with refusals_worded(options, names):
        return OperatorRequest(submission.request_id, tuple(records(settings, submission)))


@contextmanager
def refusals_worded(options: RequestOptions, names: Mapping[str, str]) -> Iterator[None]:
    """Raise ClickException for what cannot be requested. `names`: a request's field -> its name on the command line."""
    try:
        yield
    except NothingToRequest as error:
        if options.as_json:
            click.echo(json_text(RequestOutcome("", "unchanged", reasons=(str(error),))))
        raise click.ClickException(literal(f"nothing was changed: {error}")) from None
    except RequestRefused as error:
        if error.field in names:
            raise click.BadParameter(literal(error), param_hint=names[error.field]) from None
        raise click.ClickException(literal(error)) from None
    except UnknownProfile as error:
        raise click.ClickException(literal(error)) from None
    except OnefoldError as error:
        raise lookup_failure(error) from error


def carry_out(
    settings: Settings,
    request: OperatorRequest,
    options: RequestOptions,
    done: Callable[[RequestOutcome], str] = lambda _: "",
) -> None:
    """Send a request, follow it to its end and print what came of it, below `done`; without waiting, how to ask later.

    A request about several pairs may change something of some, and nothing of others: then it says why of these.
    Ends the process as `send_and_follow` does. Raises ClickException when it could not be sent or changes nothing.
    """
    if options.no_wait:
        accepted = send_only(settings, request)
        click.echo(json_text(outcome_of(request.request_id, ())) if options.as_json else accepted)
        return
    outcome = send_and_follow(settings, request, options.timeout_s)
    if options.as_json:
        click.echo(json_text(outcome))
    if outcome.state == "unchanged":
        reasons = "; ".join(map(in_words, outcome.reasons)) or "there is nothing to change"
        raise click.ClickException(f"nothing was changed: {reasons}")
    if not options.as_json:
        unchanged = map(in_words, outcome.reasons)
        click.echo("\n".join(filter(None, [done(outcome), *unchanged, summary(outcome)])))
